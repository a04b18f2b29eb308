import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { exitCodes, UsageError } from '../exit-codes.ts';
import { addOutputOptions } from '../options.ts';
import type { OutputFlags } from '../report/report.ts';
import { type Run, runCommand } from '../run-command.ts';

const more = `
Examples:
  lingbi bench                      (lists what can be measured)
  lingbi bench tokenizer vision

Benches need a clone of the repository: they measure its sources. With --json the figures are written to
bench-results/ as well.`;

export function addBenchCommand(program: Command): void {
  const command = program
    .command('bench')
    .description('measure how fast lingbi is on this machine, in a clone of the repository')
    .argument('[names...]', 'what to measure')
    .addHelpText('after', more)
    .action((names: string[], flags: OutputFlags) =>
      runCommand(flags, (run) => measure(names, run)),
    );
  addOutputOptions(command);
}

async function measure(names: readonly string[], { report, signal }: Run): Promise<object> {
  const clone = findClone();
  const words = [join(clone, 'scripts/with-setup.mjs'), 'bench', ...names];
  // Under --json the standard output is ours: tables go to the error output, and so does the list of benches.
  const writesFigures = report.json && names.length > 0;
  const child = spawn(process.execPath, writesFigures ? [...words, '--json'] : words, {
    stdio: ['inherit', report.json ? 2 : 'inherit', 'inherit'],
    signal,
  });
  child.on('error', () => {}); // being stopped is one; the exit says so, too
  const [code] = await once(child, 'exit');
  signal.throwIfAborted();
  if (code === exitCodes.usage.code)
    throw new UsageError('The bench does not know what to measure');
  if (code !== 0) throw new Error(`The bench ended with exit code ${code}; its own lines say why`);
  return { names };
}

/** The repository that this program lies in. */
function findClone(): string {
  const start = dirname(fileURLToPath(import.meta.url));
  for (let folder = start; folder !== dirname(folder); folder = dirname(folder)) {
    if (existsSync(join(folder, 'apps/bench/src/main.ts'))) return folder;
  }
  throw new Error(
    'Benches measure the sources of lingbi, and this is an installed package: clone the repository, and run ' +
      '"npm run bench" there',
  );
}
