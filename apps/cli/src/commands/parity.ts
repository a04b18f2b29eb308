import type { Command } from 'commander';
import { chooseBackend } from '../backends.ts';
import { exitCodes, UsageError } from '../exit-codes.ts';
import { addModelOptions, addOutputOptions, type ModelFlags } from '../options.ts';
import { findCases } from '../parity/find-cases.ts';
import { countResults, printResult, printSummary } from '../parity/print-result.ts';
import type { CaseResult } from '../parity/run-case.ts';
import { parsePositive } from '../parse-value.ts';
import type { OutputFlags } from '../report/report.ts';
import { type Run, runCommand } from '../run-command.ts';

interface ParityFlags extends ModelFlags, OutputFlags {
  readonly data: string;
  readonly tokenizer?: string;
  readonly tolerance: number;
}

/** Largest difference of logits that an fp32 implementation may show, relative to the largest. */
const DEFAULT_TOLERANCE = 2e-3;

const more = `
Example:
  lingbi parity --model fixtures/ixc25-micro --data fixtures/goldens/data fixtures/goldens/cases

Exit code 1 when a case fails.`;

export function addParityCommand(program: Command): void {
  const command = program
    .command('parity')
    .description('compare with recorded answers of the reference, case by case')
    .argument('<cases...>', 'case files, or folders of them')
    .addHelpText('after', more)
    .action((paths: string[], flags: ParityFlags) =>
      runCommand(flags, (run) => compare(paths, flags, run)),
    );
  addModelOptions(command)
    .option('--tokenizer <file>', 'tokenizer.model, when the checkpoint has none')
    .optionsGroup('Cases:')
    .requiredOption('--data <folder>', 'where pictures of the cases are looked up')
    .option(
      '--tolerance <number>',
      'allowed difference of logits, relative to the largest',
      parsePositive,
      DEFAULT_TOLERANCE,
    );
  addOutputOptions(command);
}

async function compare(paths: string[], flags: ParityFlags, run: Run): Promise<object> {
  const { report, signal } = run;
  const files = await findCases(paths);
  if (files.length === 0)
    throw new UsageError(`There are no cases (*.json) in ${paths.join(', ')}`);
  const { tokenizer, data, tolerance } = flags;
  const { openParityModel } = await import('../parity/parity-model.ts');
  const { runCase } = await import('../parity/run-case.ts');
  const backend = await chooseBackend(flags);
  await using model = await openParityModel({
    folder: flags.model,
    backend,
    ...(tokenizer && { tokenizer }),
    ...(flags.kv && { kv: flags.kv }),
  });
  const results: CaseResult[] = [];
  for (const file of files) {
    signal.throwIfAborted();
    const result = await runCase(model, file, { data, tolerance });
    results.push(result);
    report.event({ type: 'case-compared', ...result });
    report.print(`${printResult(result)}\n`);
  }
  report.print(`${printSummary(results)}\n`);
  if (results.some(({ status }) => status === 'failed')) process.exitCode = exitCodes.failed.code;
  return countResults(results);
}
