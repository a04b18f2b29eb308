import type { BlockSize, ConvertOptions, TaskAdapter, WeightFormat } from '@lingbi/hub';
import { type Command, InvalidArgumentError, Option } from 'commander';
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
  lingbi convert internlm-xcomposer2d5-7b-4bit ixc-awq --adapters ""

Reads safetensors and .bin files, plain or packed by AWQ or GPTQ. The folder is written as OUT.partial and
renamed when it is whole; a conversion that broke off goes on after its last finished file, of 256 MiB.
docs/quantisation.md says what each choice costs; lingbi doctor --model OUT checks the hashes of a folder.`;

export function addConvertCommand(program: Command): void {
  const command = program
    .command('convert')
    .description('write a checkpoint again with smaller weights, laid out so that it opens at once')
    .argument('<source>', 'folder of the checkpoint')
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
      'task adapters to keep: web, write, both or none (default: all)',
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
      runCommand(flags, (run) => convert(source, out, flags, run)),
    );
  addOutputOptions(command);
}

/** `web,write`, one of them, or nothing. */
function parseAdapters(text: string): TaskAdapter[] {
  const names = text.split(',').filter((name) => name !== '');
  const wrong = names.find((name) => name !== 'web' && name !== 'write');
  if (wrong === undefined) return names as TaskAdapter[];
  throw new InvalidArgumentError(`There is no adapter ${wrong}, only web and write.`);
}

async function convert(
  source: string,
  out: string,
  flags: ConvertFlags,
  { report, signal }: Run,
): Promise<object> {
  const { weights, block, scales, head, vision, adapters, rounding, repairWith } = flags;
  using shown = showConversion(report);
  const { convertCheckpoint } = await import('@lingbi/hub');
  await convertCheckpoint(source, out, {
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
