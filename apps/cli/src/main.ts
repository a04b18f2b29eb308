#!/usr/bin/env node
import { createRequire } from 'node:module';
import { Command } from 'commander';
import { addChatCommand } from './commands/chat.ts';
import { addDoctorCommand } from './commands/doctor.ts';
import { addParityCommand } from './commands/parity.ts';
import { addPullCommand } from './commands/pull.ts';
import { InterruptedError } from './interrupt.ts';

const manifest = createRequire(import.meta.url)('../package.json') as { version: string };

/** What shells report for a program that Ctrl-C ended: 128 + SIGINT. */
const INTERRUPTED = 130;

const program = new Command('lingbi')
  .description('InternLM-XComposer-2.5 on the command line')
  .version(manifest.version)
  .showHelpAfterError('(lingbi --help lists what there is)');
addChatCommand(program);
addDoctorCommand(program);
addParityCommand(program);
addPullCommand(program);

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof Error)) throw error;
  console.error(process.env['DEBUG'] ? error : `${error.name}: ${error.message}`);
  process.exitCode = error instanceof InterruptedError ? INTERRUPTED : 1;
}
