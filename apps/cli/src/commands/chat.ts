import { createInterface } from 'node:readline/promises';
import type { CompileProgress } from '@lingbi/core';
import { type Chat, type ImageInput, type Model, openModel } from '@lingbi/tasks';
import { type Command, InvalidArgumentError } from 'commander';
import { type BackendChoice, chooseBackend } from '../backends.ts';
import {
  addGenerationOptions,
  type GenerationFlags,
  generationOptions,
} from '../generation-options.ts';
import { catchInterrupt } from '../interrupt.ts';
import { addBackendOptions, Option } from '../options.ts';
import { showAnswer } from '../show-answer.ts';
import { showDownload } from '../show-download.ts';
import { showProgress } from '../show-progress.ts';

interface ChatCommandOptions extends GenerationFlags, BackendChoice {
  readonly model: string;
  readonly image?: readonly string[];
  readonly video?: readonly string[];
  readonly allowHost?: readonly string[];
  readonly adapter: 'base' | 'web' | 'write';
  readonly hdNum?: number;
  readonly maxNewTokens: number;
  readonly meta: boolean;
  readonly json?: boolean;
}

const examples = `
Examples:
  lingbi chat --model internlm/internlm-xcomposer2d5-7b --image poster.jpg "What is written here?"
  lingbi chat --model internlm/internlm-xcomposer2d5-7b --beams 3 --repetition-penalty 1.005 --image a.png "Describe it"
  lingbi chat --model internlm/internlm-xcomposer2d5-7b --video race.mp4 "Who wins?"
  lingbi chat --model internlm/internlm-xcomposer2d5-7b --image a.png b.png    (asks for questions)`;

export function addChatCommand(program: Command): void {
  const command = program
    .command('chat')
    .description('ask about pictures; without a question, ask for them one by one')
    .argument('[question]', 'what to ask')
    .requiredOption('--model <model>', 'folder of the checkpoint, or its id on the hub')
    .option('--image <files...>', 'pictures: files, data URIs, or URLs of allowed hosts')
    .option('--video <files...>', 'videos, shown after the pictures (needs ffmpeg)')
    .option('--allow-host <hosts...>', 'hosts that pictures and videos may be fetched from')
    .addOption(
      new Option('--adapter <name>', 'task adapter')
        .choices(['base', 'web', 'write'])
        .default('base'),
    )
    .option('--hd-num <tiles>', 'the most tiles of a picture', wholeNumber)
    .option('--max-new-tokens <count>', 'how long an answer may get', wholeNumber, 1024)
    .option('--no-meta', 'leave out the system text the model was trained with')
    .option('--json', 'print events as a JSON object a line')
    .addHelpText('after', examples)
    .action(runChat);
  addBackendOptions(command);
  addGenerationOptions(command);
}

async function runChat(question: string | undefined, options: ChatCommandOptions): Promise<void> {
  await using model = await openChatModel(options);
  const { adapter, hdNum, meta, allowHost } = options;
  await using chat = model.chat({
    adapter,
    meta,
    ...(hdNum !== undefined && { hdNum }),
    ...(allowHost && { reading: { web: { allow: allowHost } } }),
  });
  if (question !== undefined) await ask(chat, question, options, imagesOf(options));
  else await converse(chat, options);
}

async function openChatModel(options: ChatCommandOptions): Promise<Model> {
  const backend = await chooseBackend(options);
  using downloading = showDownload();
  using loading = showProgress('loading weights');
  using interrupt = catchInterrupt();
  const { signal } = interrupt;
  const onProgress = ({ loadedWeights, totalWeights }: CompileProgress) =>
    loading.update(loadedWeights, totalWeights);
  return await openModel(options.model, {
    backend,
    signal,
    onProgress,
    onDownload: downloading.update,
  });
}

function imagesOf({ image = [], video = [] }: ChatCommandOptions): readonly ImageInput[] {
  return [...image, ...video.map((file) => ({ video: file }))];
}

/** Reads questions until the input ends; the pictures go with the first one. */
async function converse(chat: Chat, options: ChatCommandOptions): Promise<void> {
  const lines = createInterface({ input: process.stdin, output: process.stderr, prompt: '> ' });
  let images = imagesOf(options);
  lines.prompt();
  for await (const line of lines) {
    if (line.trim() !== '') {
      await ask(chat, line, options, images);
      images = [];
    }
    lines.prompt();
  }
}

async function ask(
  chat: Chat,
  question: string,
  { maxNewTokens, json = false, ...flags }: ChatCommandOptions,
  images: readonly ImageInput[],
): Promise<void> {
  using interrupt = catchInterrupt();
  const { signal } = interrupt;
  const options = { ...generationOptions(flags), images, maxNewTokens, signal };
  await showAnswer(chat.say(question, options), { json });
}

function wholeNumber(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number > 0) return number;
  throw new InvalidArgumentError('It must be a whole number above 0.');
}
