/**
 * A whole chat about a 4K photograph, through what a user calls, on random weights: InternLM2-1.8B in
 * 4 bits under ViT-L/14 in int8.
 *
 *     npm run bench -- chat
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { onnx } from '@lingbi/backend-onnx';
import { type Answer, type Chat, openModel } from '@lingbi/tasks';
import { type Bench, type Row, rowOf } from './bench.ts';
import { THREADS } from './contenders/programs.ts';
import { synthFolder } from './contenders/weights.ts';
import { makePhotograph, photograph } from './photograph.ts';

/** So few: a chat takes minutes. */
const RUNS = 2;
const ANSWER = 32;
const BYTES_PER_KIBIBYTE = 1024;

export const chatBench: Bench = {
  describe: `A chat about a JPEG of ${photograph.width} × ${photograph.height}: 25 tiles, answers of ${ANSWER} tokens`,
  takes: ['runs'],
  run: async ({ runs = RUNS }) => {
    const folder = await mkdtemp(join(tmpdir(), 'lingbi-bench-'));
    try {
      const picture = join(folder, 'photograph.jpg');
      await writeFile(picture, await makePhotograph());
      const found: Figures[] = [];
      for (let run = 0; run < runs; run++) found.push(await measureApart(picture));
      return rowsOf(found);
    } finally {
      await rm(folder, { recursive: true });
    }
  },
};

interface Turn {
  /** Seconds. */
  readonly firstToken: number;
  readonly tokensPerSecond: number;
  readonly answer: Answer;
}

interface Figures {
  readonly open: number;
  readonly first: Turn;
  readonly second: Turn;
  /** The most memory so far, in GB. */
  readonly memory: number;
}

/** In a process of its own, whose memory no chat before it has used. */
async function measureApart(picture: string): Promise<Figures> {
  const given = [fileURLToPath(import.meta.url), picture];
  const run = await promisify(execFile)(process.execPath, [...process.execArgv, ...given]);
  return JSON.parse(run.stdout.trim().split('\n').at(-1)!);
}

async function measureChat(picture: string): Promise<Figures> {
  const folder = await synthFolder('internlm2-1.8b', 'int4-128', 'int8');
  const start = performance.now();
  await using model = await openModel(folder, { backend: onnx({ threads: THREADS }) });
  const open = (performance.now() - start) / 1000;
  await using chat = model.chat({ images: [picture] });
  const first = await measureTurn(chat, 'What is in the picture?');
  const second = await measureTurn(chat, 'And what else?');
  const memory = (process.resourceUsage().maxRSS * BYTES_PER_KIBIBYTE) / 1e9;
  return { open, first, second, memory };
}

async function measureTurn(chat: Chat, question: string): Promise<Turn> {
  const start = performance.now();
  let [firstToken, last, tokens] = [0, 0, 0];
  for await (const event of chat.say(question, { maxNewTokens: ANSWER })) {
    if (event.type === 'end') {
      const tokensPerSecond = (1000 * (tokens - 1)) / (last - start - firstToken);
      return { firstToken: firstToken / 1000, tokensPerSecond, answer: event };
    }
    if (event.type !== 'token') continue;
    last = performance.now();
    firstToken ||= last - start;
    tokens += 1;
  }
  throw new Error('unreachable: an answer ends with an end event');
}

function rowsOf(found: readonly Figures[]): Row[] {
  const of = (figure: string, unit: string, value: (figures: Figures) => number) =>
    rowOf(figure, unit, found.map(value));
  const { promptTokens, imageTokens } = found[0]!.first.answer.usage;
  const read = `${promptTokens} positions, ${imageTokens} of the picture`;
  const { cachedTokens } = found[0]!.second.answer.usage;
  return [
    of('open the model', 's', ({ open }) => open),
    { ...of('first turn, to the first token', 's', ({ first }) => first.firstToken), note: read },
    of('first turn, decode', 'tokens/s', ({ first }) => first.tokensPerSecond),
    {
      ...of('second turn, to the first token', 's', ({ second }) => second.firstToken),
      note: `${cachedTokens} positions kept`,
    },
    of('second turn, decode', 'tokens/s', ({ second }) => second.tokensPerSecond),
    of('the most memory', 'GB', ({ memory }) => memory),
  ];
}

// The process of one chat, started by measureApart.
if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  console.log(JSON.stringify(await measureChat(process.argv[2]!)));
}
