/** Options that several commands share: the same name means the same everywhere. */
import type { KvFormat } from '@lingbi/core';
import { type Command, Option } from 'commander';
import {
  type BackendChoice,
  backendNames,
  engineNames,
  largePagesNames,
  providerNames,
} from './backends.ts';
import { parseAnother, parseCount } from './parse-value.ts';

export interface ModelFlags extends BackendChoice {
  readonly model: string;
  readonly kv?: KvFormat;
}

/** Which checkpoint, and what runs it: open it with `openShownModel`. */
export function addModelOptions(command: Command): Command {
  command
    .optionsGroup('Model:')
    .addOption(modelOption('folder of the checkpoint, or its id on the hub').makeOptionMandatory());
  return addBackendOptions(command).addOption(
    new Option(
      '--kv <format>',
      'how keys and values are kept; float16 in half the memory of float32, int8 in a quarter (default: float16 for int4 and int8 weights where the backend can)',
    ).choices(['float32', 'float16', 'int8']),
  );
}

/** `--model`, which may come from the environment. */
export function modelOption(description: string): Option {
  return new Option('--model <model>', description).env('LINGBI_MODEL');
}

/** What runs the model: read them with `chooseBackend`. */
function addBackendOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--backend <name>', 'what runs the model')
        .choices([...backendNames])
        .default('onnx'),
    )
    .addOption(
      new Option('--provider <name>', 'what ONNX Runtime runs on (default: "cpu")').choices([
        ...providerNames,
      ]),
    )
    .addOption(
      new Option(
        '--large-pages <when>',
        'when int4 and int8 weights move out of their file into memory of the process, which is faster (default: "meanwhile"; "first": before the model opens, "never": they stay where processes share them)',
      ).choices([...largePagesNames]),
    )
    .addOption(
      new Option('--engine <name>', 'which engine TensorFlow.js uses (default: "auto")').choices([
        ...engineNames,
      ]),
    );
}

export interface PictureFlags {
  readonly image?: readonly string[];
  readonly allowHost?: readonly string[];
  readonly hdNum?: number;
}

/** Pictures that the model is shown, and how finely. */
export function addPictureOptions(command: Command): Command {
  command
    .optionsGroup('Pictures:')
    .option(
      '--image <file>',
      'a picture: file, data URI, or URL of an allowed host; again for more',
      parseAnother,
    );
  return addReadingOptions(command);
}

/** How pictures are read that the command takes as arguments. */
export function addReadingOptions(command: Command): Command {
  return command
    .optionsGroup('Pictures:')
    .option(
      '--allow-host <host>',
      'where pictures may be fetched from; again for more',
      parseAnother,
    )
    .option('--hd-num <tiles>', 'the most tiles of a picture', parseCount);
}

/** How the command tells what it does: read them with `runCommand`. */
export function addOutputOptions(command: Command): Command {
  return command
    .optionsGroup('Output:')
    .option('--json', 'print events as a JSON object a line; the last is "done" or "error"')
    .option('--quiet', 'no progress on the error output; warnings and errors stay');
}
