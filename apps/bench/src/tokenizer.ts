import { readFileSync } from 'node:fs';
import { createTokenizer, type Tokenizer } from '@lingbi/tokenizer';
import { type Bench, milliseconds, type Row, rowOf, type Step, takeTurns } from './bench.ts';

const RUNS = 9;
const RUN_MILLISECONDS = 250;

const fixtures = new URL('../../../fixtures/', import.meta.url);

export const tokenizerBench: Bench = {
  describe: 'Millions of tokens a second on one core, text to ids and back',
  run: benchTokenizer,
};

async function benchTokenizer(): Promise<Row[]> {
  const bytes = readFileSync(new URL('internlm2/tokenizer.model', fixtures));
  const tokenizer = createTokenizer(bytes);
  const uncached = createTokenizer(tokenizer.model, { cache: false });
  const texts = benchTexts();
  const ids = tokenizer.encode(texts.mixed);
  const tasks = new Map<string, Step>([
    ['encode mixed text', rateOf(() => encodeAll(tokenizer, texts.mixed))],
    ['encode mixed text, no word cache', rateOf(() => encodeAll(uncached, texts.mixed))],
    ['encode English', rateOf(() => encodeAll(tokenizer, texts.english))],
    ['encode Chinese', rateOf(() => encodeAll(tokenizer, texts.chinese))],
    ['decode mixed text', rateOf(() => tokenizer.decode(ids).length && ids.length)],
  ]);
  const rates = await takeTurns(tasks, { runs: RUNS, warmUp: 1 });
  const open = new Map([['open', () => milliseconds(() => createTokenizer(bytes))]]);
  const loads = await takeTurns(open, { runs: 5, warmUp: 0 });
  return [
    ...[...rates].map(([figure, runs]) => rowOf(figure, 'M tokens/s', runs)),
    rowOf('open tokenizer.model', 'ms', loads.get('open')!),
  ];
}

/** Recorded lines and prompts: many scripts, code, runs of white space; English and Chinese prose. */
function benchTexts(): { mixed: string; english: string; chinese: string } {
  const read = (name: string) =>
    JSON.parse(readFileSync(new URL(`goldens/${name}`, fixtures), 'utf8'));
  const lines: { text: string }[] = read('tokenizer.json').sentencepiece_0_1_97;
  const prompts: { kind: string; prompt: string }[] = read('prompts.json');
  const ofKind = (kind: string) =>
    prompts.filter((each) => each.kind === kind).map(({ prompt }) => prompt);
  const mixed = lines.map(({ text }) => text).join('\n');
  const english = ofKind('i').join('\n');
  // Characters beyond ASCII alone, so that no spaces help.
  const chinese = prompts.map(({ prompt }) => prompt.replace(/[^一-鿿，。；]/g, '')).join('');
  return { mixed, english, chinese };
}

function encodeAll(tokenizer: Tokenizer, text: string): number {
  return tokenizer.encode(text, { parseSpecial: 'user-defined' }).length;
}

/** Millions of tokens a second, of a task that says how many tokens it handled. */
function rateOf(task: () => number): Step {
  return () => tokensPerSecond(task) / 1e6;
}

function tokensPerSecond(task: () => number): number {
  const start = performance.now();
  let tokens = 0;
  while (performance.now() - start < RUN_MILLISECONDS) tokens += task();
  return (tokens / (performance.now() - start)) * 1000;
}
