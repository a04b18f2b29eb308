import { createInterface, type Interface } from 'node:readline/promises';
import type { Chat, ImageInput } from '@lingbi/tasks';
import { type Command, Option } from 'commander';
import { openShownModel } from '../open-model.ts';
import {
  addModelOptions,
  addOutputOptions,
  addPictureOptions,
  type ModelFlags,
  type PictureFlags,
} from '../options.ts';
import { parseAnother, parseCount } from '../parse-value.ts';
import type { OutputFlags } from '../report/report.ts';
import { showAnswer } from '../report/show-answer.ts';
import { type Run, runCommand } from '../run-command.ts';
import { addWritingOptions, sayOptions, type WritingFlags } from '../writing-options.ts';

interface ChatFlags extends ModelFlags, PictureFlags, WritingFlags, OutputFlags {
  readonly video?: readonly string[];
  readonly frames?: number;
  readonly thinFrames?: boolean;
  readonly adapter: 'base' | 'web' | 'write';
  readonly meta: boolean;
}

const examples = `
Examples:
  lingbi chat --model internlm/internlm-xcomposer2d5-7b --image poster.jpg "What is written here?"
  lingbi chat --model internlm/internlm-xcomposer2d5-7b --beams 3 --repetition-penalty 1.005 --image a.png "Describe it"
  lingbi chat --model internlm/internlm-xcomposer2d5-7b --video race.mp4 --frames 16 "Who wins?"
  lingbi chat --model internlm/internlm-xcomposer2d5-7b --image a.png --image b.png    (asks for questions)`;

export function addChatCommand(program: Command): void {
  const command = program
    .command('chat')
    .description('ask about pictures and videos; without a question, ask for them one by one')
    .argument('[question]', 'what to ask')
    .addHelpText('after', examples)
    .action((question: string | undefined, flags: ChatFlags) =>
      runCommand(flags, (run) => chat(question, flags, run)),
    );
  addModelOptions(command)
    .addOption(
      new Option('--adapter <name>', 'task adapter')
        .choices(['base', 'web', 'write'])
        .default('base'),
    )
    .option('--no-meta', 'leave out the system text the model was trained with');
  addPictureOptions(command);
  addVideoOptions(command);
  addWritingOptions(command);
  addOutputOptions(command);
}

function addVideoOptions(command: Command): void {
  command
    .option(
      '--video <file>',
      'a video, shown after the pictures (needs ffmpeg); again for more',
      parseAnother,
    )
    .option(
      '--frames <count>',
      'frames of a video, evenly spread; one a second without it, at most 32',
      parseCount,
    )
    .option('--thin-frames', 'leave out frames that the prompt has no room for');
}

async function chat(question: string | undefined, flags: ChatFlags, run: Run): Promise<undefined> {
  await using model = await openShownModel(flags, run);
  const { adapter, hdNum, meta, allowHost } = flags;
  await using chat = model.chat({
    adapter,
    meta,
    ...(hdNum !== undefined && { hdNum }),
    ...(allowHost && { reading: { web: { allow: allowHost } } }),
  });
  if (question !== undefined) await ask(chat, question, imagesOf(flags), flags, run);
  else await converse(chat, flags, run);
}

function imagesOf({ image = [], video = [], ...flags }: ChatFlags): readonly ImageInput[] {
  const { frames, thinFrames = false } = flags;
  const options = {
    ...(frames !== undefined && { sampling: { kind: 'count', count: frames } as const }),
    ...(thinFrames && { tooManyFrames: 'thin' as const }),
  };
  return [...image, ...video.map((file) => ({ video: file, ...options }))];
}

/** Reads questions until the input ends; the pictures go with the first one. */
async function converse(chat: Chat, flags: ChatFlags, run: Run): Promise<void> {
  const lines = questionLines(run.signal);
  let images = imagesOf(flags);
  lines.prompt();
  for await (const line of lines) {
    if (line.trim() !== '') {
      await ask(chat, line, images, flags, run);
      images = [];
    }
    lines.prompt();
  }
  run.signal.throwIfAborted();
}

function questionLines(signal: AbortSignal): Interface {
  const { stdin: input, stderr: output } = process;
  const lines = createInterface({ input, output, prompt: '> ', signal });
  // A terminal that edits lines keeps Ctrl-C to itself.
  lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  return lines;
}

async function ask(
  chat: Chat,
  question: string,
  images: readonly ImageInput[],
  flags: ChatFlags,
  { report, signal }: Run,
): Promise<void> {
  const options = { ...sayOptions(flags), images, signal };
  await showAnswer(chat.say(question, options), report);
}
