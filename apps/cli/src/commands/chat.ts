import { createInterface, type Interface } from 'node:readline/promises';
import type { Chat, ImageInput, SayOptions } from '@lingbi/tasks';
import type { Command } from 'commander';
import { type AnswerFlags, addAnswerOptions, answerOptions } from '../answer-options.ts';
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
import { requireAdapter, useAdapter } from '../use-adapter.ts';
import { addWritingOptions, sayOptions, type WritingFlags } from '../writing-options.ts';

interface ChatFlags extends ModelFlags, PictureFlags, WritingFlags, AnswerFlags, OutputFlags {
  readonly video?: readonly string[];
  readonly frames?: number;
  readonly thinFrames?: boolean;
  readonly adapter: string;
  readonly meta: boolean;
}

const examples = `
Examples:
  lingbi chat --model internlm/internlm-xcomposer2d5-7b --image poster.jpg "What is written here?"
  lingbi chat --model internlm/internlm-xcomposer2d5-7b --beams 3 --repetition-penalty 1.005 --image a.png "Describe it"
  lingbi chat --model internlm/internlm-xcomposer2d5-7b --video race.mp4 --frames 16 "Who wins?"
  lingbi chat --model internlm/internlm-xcomposer2d5-7b --image bill.png --schema bill.schema.json "What does it cost?"
  lingbi chat --model internlm/internlm-xcomposer2d5-7b --adapter ./my-lora --stop "." "In one sentence: who are you?"
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
    .option(
      '--adapter <name>',
      'task adapter: base, web or write; or the folder of a LoRA adapter',
      'base',
    )
    .option('--no-meta', 'leave out the system text the model was trained with');
  addPictureOptions(command);
  addVideoOptions(command);
  addWritingOptions(command);
  addAnswerOptions(command);
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
  const { adapter, hdNum, meta, allowHost } = flags;
  await requireAdapter(adapter);
  const options = { ...sayOptions(flags), ...(await answerOptions(flags)), signal: run.signal };
  await using model = await openShownModel(flags, run);
  await using chat = model.chat({
    adapter: await useAdapter(model, adapter, run),
    meta,
    ...(hdNum !== undefined && { hdNum }),
    ...(allowHost && { reading: { web: { allow: allowHost } } }),
  });
  const images = imagesOf(flags);
  if (question === undefined) await converse(chat, { ...options, images }, run);
  else await showAnswer(chat.say(question, { ...options, images }), run.report);
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
async function converse(
  chat: Chat,
  { images = [], ...options }: SayOptions,
  { report, signal }: Run,
): Promise<void> {
  const lines = questionLines(signal);
  let shown = images;
  lines.prompt();
  for await (const line of lines) {
    if (line.trim() !== '') {
      await showAnswer(chat.say(line, { ...options, images: shown }), report);
      shown = [];
    }
    lines.prompt();
  }
  signal.throwIfAborted();
}

function questionLines(signal: AbortSignal): Interface {
  const { stdin: input, stderr: output } = process;
  const lines = createInterface({ input, output, prompt: '> ', signal });
  // A terminal that edits lines keeps Ctrl-C to itself.
  lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  return lines;
}
