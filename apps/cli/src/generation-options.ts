/** How answers are written, as options of the command line. */
import type { SayOptions } from '@lingbi/tasks';
import { type Command, InvalidArgumentError } from 'commander';

export interface GenerationFlags {
  readonly beams?: number;
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly repetitionPenalty?: number;
  readonly seed?: number;
}

/** Ranges are checked where answers are written; here only that they are numbers. */
export function addGenerationOptions(command: Command): Command {
  return command
    .option('--beams <count>', 'how many answers to follow side by side; the best is shown', number)
    .option('--temperature <number>', 'draw tokens: below 1 likely ones get likelier', number)
    .option('--top-p <share>', 'draw among the fewest tokens that reach this probability', number)
    .option('--top-k <count>', 'draw among this many best tokens', number)
    .option('--seed <number>', 'draw the same answer again', number)
    .option('--repetition-penalty <number>', 'make known tokens less likely: 1.005, 3.0', number);
}

/** Any option of drawing turns drawing on. */
export function generationOptions(flags: GenerationFlags): SayOptions {
  const { beams, repetitionPenalty, temperature, topP, topK, seed } = flags;
  const sampling = given({ temperature, topP, topK, seed });
  return {
    ...given({ beams, repetitionPenalty }),
    ...(Object.keys(sampling).length > 0 && { sampling }),
  };
}

/** Without what was not given. */
function given<T extends object>(options: T): { [Name in keyof T]?: NonNullable<T[Name]> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Name in keyof T]?: NonNullable<T[Name]> };
}

function number(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('It must be a number.');
}
