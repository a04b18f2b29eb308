/** What every recipe takes: `lingbi webpage`, `article`, `caption` and their like. */
import type { ModelWriterOptions, Writer } from '@lingbi/tasks';
import type { Preset } from '@lingbi/vision';
import type { Command } from 'commander';
import { openShownModel } from './open-model.ts';
import {
  addModelOptions,
  addOutputOptions,
  addPictureOptions,
  addReadingOptions,
  type ModelFlags,
  type PictureFlags,
} from './options.ts';
import type { OutputFlags } from './report/report.ts';
import type { Run } from './run-command.ts';
import { addWritingOptions, type WritingFlags } from './writing-options.ts';

export interface RecipeFlags extends ModelFlags, PictureFlags, WritingFlags, OutputFlags {
  readonly adapt?: boolean;
  readonly out?: string;
}

/** With `takesPictures` pictures are arguments of the command, and not `--image`. */
export function addRecipeOptions(
  command: Command,
  { takesPictures = false }: { readonly takesPictures?: boolean } = {},
): Command {
  addModelOptions(command).option(
    '--adapt',
    'go on with a warning where the checkpoint lacks what the recipe asks for',
  );
  (takesPictures ? addReadingOptions : addPictureOptions)(command);
  addWritingOptions(command);
  return addOutputOptions(command);
}

/** Opens the model, hands a writer to `work`, and gives the memory back. */
export async function withWriter<Result>(
  flags: RecipeFlags,
  run: Run,
  work: (writer: Writer) => Promise<Result>,
): Promise<Result> {
  const { modelWriter } = await import('@lingbi/tasks');
  await using model = await openShownModel(flags, run);
  return await work(modelWriter(model, writerOptions(flags)));
}

function writerOptions({ adapt, allowHost, promptLookup }: RecipeFlags): ModelWriterOptions {
  return {
    ...(promptLookup && { promptLookup }),
    ...(adapt && { unsupported: 'adapt' }),
    ...(allowHost && { reading: { web: { allow: allowHost } } }),
  };
}

/** How pictures become tiles, where `--hd-num` says otherwise than `chat()` does. */
export async function tilingFor(
  { hdNum }: RecipeFlags,
  pictures: number,
): Promise<{ readonly tiling?: Preset }> {
  if (hdNum === undefined) return {};
  const { chatPreset } = await import('@lingbi/vision');
  return { tiling: { ...chatPreset(pictures), hdNum } };
}
