import { readFile } from 'node:fs/promises';
import type { BlockSize, SynthOptions, SynthShape } from '@lingbi/hub';
import { type Command, Option } from 'commander';
import { UsageError } from '../exit-codes.ts';
import { addOutputOptions } from '../options.ts';
import { parseCount } from '../parse-value.ts';
import type { OutputFlags } from '../report/report.ts';
import { showConversion } from '../report/show-conversion.ts';
import { type Run, runCommand } from '../run-command.ts';

interface SynthFlags extends OutputFlags {
  readonly shape: SynthShape;
  readonly weights: NonNullable<SynthOptions['weights']>;
  readonly block?: string;
  readonly vision: NonNullable<SynthOptions['vision']>;
  readonly seed: number;
  readonly tokenizer?: string;
}

const more = `
Examples:
  lingbi synth --shape internlm2-1.8b --weights int4 synth-1.8b
  lingbi synth --shape 7b --weights bf16 --vision f32 synth-7b-source

What such a checkpoint says means nothing; it is for measuring speed and memory. Only bytes and the markers of
a chat are in its vocabulary unless --tokenizer gives another.`;

export function addSynthCommand(program: Command): void {
  const command = program
    .command('synth')
    .description('write a checkpoint of random weights, to measure with')
    .argument('<out>', 'folder to write')
    .addOption(
      new Option('--shape <name>', 'sizes of a published model')
        .choices(['internlm2-1.8b', '7b'])
        .default('internlm2-1.8b'),
    )
    .addOption(
      new Option('--weights <format>', 'bf16 is a plain checkpoint, all others are converted ones')
        .choices(['int4', 'int8', 'f16', 'f32', 'bf16'])
        .default('int4'),
    )
    .addOption(
      new Option('--block <size>', 'numbers that share a scale (default: 128)').choices([
        '32',
        '64',
        '128',
      ]),
    )
    .addOption(
      new Option('--vision <format>', 'a vision tower, ViT-L/14 at 560 pixels')
        .choices(['none', 'f32', 'int8'])
        .default('none'),
    )
    .option('--seed <number>', 'the same seed gives the same bytes', parseCount, 1)
    .option('--tokenizer <file>', 'a tokenizer.model to go with it')
    .addHelpText('after', more)
    .action((out: string, flags: SynthFlags) => runCommand(flags, (run) => synth(out, flags, run)));
  addOutputOptions(command);
}

function requireUsed({ weights, block, vision }: SynthFlags): void {
  if (block && weights !== 'int4' && weights !== 'int8') {
    throw new UsageError(`--block would change nothing: ${weights} has no blocks. Leave it out`);
  }
  if (weights === 'bf16' && vision === 'int8') {
    throw new UsageError(
      '--vision int8 is for converted checkpoints, and bf16 is a plain one. Say --vision f32',
    );
  }
}

async function synth(out: string, flags: SynthFlags, { report, signal }: Run): Promise<object> {
  const { shape, weights, block, vision, seed, tokenizer } = flags;
  requireUsed(flags);
  using shown = showConversion(report, 'writing (weights)');
  const { synthCheckpoint } = await import('@lingbi/hub');
  await synthCheckpoint(out, {
    shape,
    weights,
    ...(block && { block: Number(block) as BlockSize }),
    vision,
    seed,
    ...(tokenizer !== undefined && { tokenizer: await readFile(tokenizer) }),
    signal,
    onProgress: shown.update,
  });
  shown[Symbol.dispose]();
  report.print(`${out}\n`);
  return { folder: out };
}
