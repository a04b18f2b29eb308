import { resolve } from 'node:path';
import type { BlockSize, ConvertOptions, TaskAdapter, WeightFormat } from '@lingbi/hub';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { findShownFolder } from '../open-model.ts';
import { addOutputOptions } from '../options.ts';
import type { OutputFlags } from '../report/report.ts';
import { showConversion } from '../report/show-conversion.ts';
import { type Run, runCommand } from '../run-command.ts';

interface ConvertFlags extends OutputFlags {
  readonly weights: NonNullable<ConvertOptions['weights']>;
  readonly block?: string;
  readonly scales?: NonNullable<ConvertOptions['scales']>;
  readonly head?: WeightFormat;
  readonly vision?: NonNullable<ConvertOptions['vision']>;
  readonly adapters?: readonly TaskAdapter[];
  readonly rounding?: NonNullable<ConvertOptions['rounding']>;
  readonly repairWith?: string;
}

const more = `
Examples:
  lingbi convert internlm-xcomposer2d5-7b ixc-int4 --weights int4 --vision int8
  lingbi convert internlm-xcomposer2d5-7b-4bit ixc-awq --adapters none
  lingbi convert internlm/internlm-xcomposer2d5-7b ixc-int8 --weights int8

Reads safetensors and .bin files, plain or packed by AWQ or GPTQ. The folder is written as OUT.partial and
renamed when it is whole; a conversion that broke off goes on after its last finished file, of 256 MiB.
docs/quantisation.md says what each choice costs; lingbi doctor --model OUT checks the hashes of a folder.`;

export function addConvertCommand(program: Command): void {
  const command = program
    .command('convert')
    .description('write a checkpoint again with smaller weights, laid out so that it opens at once')
    .argument('<source>', 'folder of the checkpoint, or its id on the hub')
    .argument('<out>', 'folder to write')
    .addOption(
      new Option('--weights <format>', "the decoder's matrices")
        .choices(['int4', 'int8', 'f16', 'f32'])
        .default('int4'),
    )
    .addOption(
      new Option(
        '--block <size>',
        'numbers that share a scale (default: those of a packed source, or 128)',
      ).choices(['32', '64', '128']),
    )
    .addOption(
      new Option(
        '--scales <format>',
        'number format of the scales (default: those of a packed source, or float16)',
      ).choices(['float16', 'float32']),
    )
    .addOption(
      new Option('--head <format>', 'the last matrix (default: as --weights)').choices([
        'int4',
        'int8',
        'f16',
        'f32',
      ]),
    )
    .addOption(
      new Option('--vision <format>', "the vision tower's matrices (default: f32)").choices([
        'f32',
        'int8',
      ]),
    )
    .option(
      '--adapters <names>',
      'task adapters to keep: web, write, "web,write" or none (default: all)',
      parseAdapters,
    )
    .addOption(
      new Option('--rounding <how>', 'how blocks are rounded (default: search)').choices([
        'search',
        'nearest',
      ]),
    )
    .option(
      '--repair-with <folder>',
      'the 16-bit checkpoint that an AWQ source was packed from: mends its low-rank additions',
    )
    .addHelpText('after', more)
    .action((source: string, out: string, flags: ConvertFlags) =>
      runCommand(flags, (run) => convert(source, out, flags, run), { goesOn: true }),
    );
  addOutputOptions(command);
}

/** `web,write`, one of them, or none; an empty text is none, too. */
function parseAdapters(text: string): TaskAdapter[] {
  if (text === '' || text === 'none') return [];
  const names = text.split(',').map((name) => name.trim());
  if (names.every((name) => name === 'web' || name === 'write')) return names;
  throw new InvalidArgumentError('It must be web, write, "web,write" or none.');
}

async function convert(
  source: string,
  out: string,
  flags: ConvertFlags,
  run: Run,
): Promise<object> {
  const { report, signal } = run;
  const { weights, block, scales, head, vision, adapters, rounding, repairWith } = flags;
  const { convertCheckpoint, requirePlace } = await import('@lingbi/hub');
  await requirePlace(resolve(out)); // before gigabytes are downloaded
  const folder = await findShownFolder(source, run);
  using shown = showConversion(report);
  await convertCheckpoint(folder, out, {
    weights,
    ...(vision && { vision }),
    ...(rounding && { rounding }),
    ...(block && { block: Number(block) as BlockSize }),
    ...(scales && { scales }),
    ...(head && { formats: { head } }),
    ...(adapters && { adapters }),
    ...(repairWith !== undefined && { repairWith }),
    signal,
    onProgress: shown.update,
  });
  shown[Symbol.dispose]();
  report.print(`${out}\n`);
  return { folder: out };
}
