import { readFile } from 'node:fs/promises';
import type { CheckpointSizes } from '@lingbi/core';
import type { BlockSize, SynthOptions, SynthShape } from '@lingbi/hub';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { UsageError } from '../exit-codes.ts';
import { addOutputOptions } from '../options.ts';
import { parseCount } from '../parse-value.ts';
import type { OutputFlags } from '../report/report.ts';
import { showConversion } from '../report/show-conversion.ts';
import { type Run, runCommand } from '../run-command.ts';

interface SynthFlags extends OutputFlags {
  readonly shape: SynthShape;
  readonly config?: string;
  readonly loraRank?: Readonly<Record<string, number>>;
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
  lingbi synth --config my-sizes.json --lora-rank Plora=256 --lora-rank lora_web=512 synth-mine

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
      new Option(
        '--config <file>',
        'sizes of your own, from a config.json: vocab_size, hidden_size, intermediate_size, num_hidden_layers, num_attention_heads, num_key_value_heads and vision_config',
      ).conflicts('shape'),
    )
    .option(
      '--lora-rank <name=rank>',
      'low-rank additions: Plora, lora_web, lora_sft or lora_dpo (default: none); may be given several times',
      parseLoraRank,
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
      new Option('--vision <format>', 'a vision tower: that of --config, or ViT-L/14 at 560 pixels')
        .choices(['none', 'f32', 'int8'])
        .default('none'),
    )
    .option('--seed <number>', 'the same seed gives the same bytes', parseCount, 1)
    .option('--tokenizer <file>', 'a tokenizer.model to go with it')
    .addHelpText('after', more)
    .action((out: string, flags: SynthFlags) =>
      // A plain checkpoint begins anew.
      runCommand(flags, (run) => synth(out, flags, run), { goesOn: flags.weights !== 'bf16' }),
    );
  addOutputOptions(command);
}

const loraNames: readonly string[] = ['Plora', 'lora_web', 'lora_sft', 'lora_dpo'];

/** `Plora=256`, beside those that were given before. */
function parseLoraRank(
  text: string,
  before: Readonly<Record<string, number>> = {},
): Readonly<Record<string, number>> {
  const [, name, rank] = /^(\w+)=(\d+)$/.exec(text) ?? [];
  if (name === undefined || !loraNames.includes(name)) {
    const names = `${loraNames.slice(0, -1).join(', ')} or ${loraNames.at(-1)}`;
    throw new InvalidArgumentError(`It must be ${names} and a rank: Plora=256.`);
  }
  return { ...before, [name]: parseCount(rank!) };
}

/** Sizes of a tower are for who asks for one. */
async function readSizes(file: string, vision: SynthFlags['vision']): Promise<CheckpointSizes> {
  const { checkpointSizes } = await import('@lingbi/core');
  return checkpointSizes(await readJson(file), { seesPictures: vision !== 'none' });
}

async function readJson(file: string): Promise<unknown> {
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw new UsageError(`--config ${file} cannot be read: ${error.message}`);
  });
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(`--config ${file} is not JSON: ${(error as Error).message}`);
  }
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
  const { config, loraRank, weights, block, vision, seed, tokenizer } = flags;
  requireUsed(flags);
  const shape = config === undefined ? flags.shape : await readSizes(config, vision);
  using shown = showConversion(report, 'writing (weights)');
  const { synthCheckpoint } = await import('@lingbi/hub');
  await synthCheckpoint(out, {
    shape,
    ...(loraRank && { loraRanks: loraRank }),
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
