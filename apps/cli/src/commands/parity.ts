import { type Command, InvalidArgumentError } from 'commander';
import { type BackendChoice, chooseBackend } from '../backends.ts';
import { addBackendOptions, Option } from '../options.ts';
import { findCases } from '../parity/find-cases.ts';
import { openParityModel } from '../parity/parity-model.ts';
import { countResults, printResult, printSummary } from '../parity/print-result.ts';
import { type CaseResult, runCase } from '../parity/run-case.ts';

interface ParityOptions extends BackendChoice {
  readonly model: string;
  readonly data: string;
  readonly tokenizer?: string;
  readonly tolerance: number;
  readonly json?: boolean;
}

/** Largest difference of logits that an fp32 implementation may show, relative to the largest. */
const DEFAULT_TOLERANCE = 2e-3;

export function addParityCommand(program: Command): void {
  const command = program
    .command('parity')
    .description('compare with recorded answers of the reference, case by case')
    .argument('<cases...>', 'case files, or folders of them')
    .requiredOption('--model <folder>', 'checkpoint the cases were recorded with')
    .requiredOption('--data <folder>', 'where pictures of the cases are looked up')
    .option('--tokenizer <file>', 'tokenizer.model, when the checkpoint has none')
    .addOption(
      new Option('--tolerance <number>', 'allowed difference of logits, relative to the largest')
        .default(DEFAULT_TOLERANCE)
        .argParser(positiveNumber),
    )
    .option('--json', 'print a JSON object a line instead')
    .addHelpText('after', '\nExit code 1 when a case fails.')
    .action(runParity);
  addBackendOptions(command);
}

async function runParity(paths: string[], options: ParityOptions): Promise<void> {
  const files = await findCases(paths);
  if (files.length === 0) throw new Error(`There are no cases (*.json) in ${paths.join(', ')}`);
  const { tokenizer, data, tolerance } = options;
  const backend = await chooseBackend(options);
  await using model = await openParityModel({
    folder: options.model,
    backend,
    ...(tokenizer && { tokenizer }),
  });
  const print = options.json ? JSON.stringify : printResult;
  const results: CaseResult[] = [];
  for (const file of files) {
    const result = await runCase(model, file, { data, tolerance });
    results.push(result);
    console.log(print(result));
  }
  console.log(options.json ? JSON.stringify(countResults(results)) : printSummary(results));
  if (results.some(({ status }) => status === 'failed')) process.exitCode = 1;
}

function positiveNumber(text: string): number {
  const number = Number(text);
  if (number > 0) return number;
  throw new InvalidArgumentError('It must be a number above 0.');
}
