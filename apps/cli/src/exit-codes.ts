import { CommanderError } from 'commander';
import { InterruptedError } from './interrupt.ts';

/** What the command tells the program that started it. `lingbi help exit-codes` prints this. */
export const exitCodes = {
  done: { code: 0, meaning: 'done' },
  failed: { code: 1, meaning: 'an error, or something that was checked is not as it should be' },
  usage: { code: 2, meaning: 'the command line is wrong; nothing was done' },
  hub: {
    code: 3,
    meaning: 'a checkpoint could not be had or written: the network, the hub, its terms, the disk',
  },
  memory: {
    code: 4,
    meaning: 'it would take more memory than it may; the message names the setting to lower',
  },
  interrupted: { code: 130, meaning: 'stopped by Ctrl-C; the same command goes on where it can' },
  terminated: { code: 143, meaning: 'asked to end by another process (SIGTERM)' },
} as const;

/** Options that do not go together, or a value that cannot be: the user's to mend. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export async function exitCodeOf(error: unknown): Promise<number> {
  if (error instanceof InterruptedError) {
    return (error.signal === 'SIGINT' ? exitCodes.interrupted : exitCodes.terminated).code;
  }
  // Asking for help or the version ends so as well, and is no error.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitCodes.usage.code;
  if (error instanceof UsageError) return exitCodes.usage.code;
  const { DiskFullError, HubError, OptionError, OutputPlaceError } = await import('@lingbi/hub');
  if (error instanceof OptionError) return exitCodes.usage.code;
  const ofHubOrDisk = [HubError, DiskFullError, OutputPlaceError];
  if (ofHubOrDisk.some((type) => error instanceof type)) return exitCodes.hub.code;
  const { InvalidOptionError, MemoryBudgetError } = await import('@lingbi/core');
  if (error instanceof InvalidOptionError) return exitCodes.usage.code;
  return (error instanceof MemoryBudgetError ? exitCodes.memory : exitCodes.failed).code;
}
