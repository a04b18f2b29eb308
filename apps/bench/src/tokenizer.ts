import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { pathToFileURL } from 'node:url';
import { createTokenizer, type Tokenizer } from '@lingbi/tokenizer';

/** One line of a bench's table: what was measured, its median and how far the runs lie apart. */
export interface Row {
  readonly name: string;
  readonly unit: string;
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
}

const RUNS = 9;
const RUN_MILLISECONDS = 250;

const fixtures = new URL('../../../fixtures/', import.meta.url);

/** Tokens a second on one core; runs of the tasks take turns, so that a slow moment meets all of them. */
export async function benchTokenizer(): Promise<Row[]> {
  const bytes = readFileSync(new URL('internlm2/tokenizer.model', fixtures));
  const tokenizer = createTokenizer(bytes);
  const uncached = createTokenizer(tokenizer.model, { cache: false });
  const texts = benchTexts();
  const ids = tokenizer.encode(texts.mixed);
  const tasks = new Map<string, () => number>([
    ['encode mixed text', () => encodeAll(tokenizer, texts.mixed)],
    ['encode mixed text, no word cache', () => encodeAll(uncached, texts.mixed)],
    ['encode English', () => encodeAll(tokenizer, texts.english)],
    ['encode Chinese', () => encodeAll(tokenizer, texts.chinese)],
    ['decode mixed text', () => tokenizer.decode(ids).length && ids.length],
  ]);
  const rates = measure(tasks);
  const loads = Array.from({ length: 5 }, () => milliseconds(() => createTokenizer(bytes)));
  return [
    ...[...rates].map(([name, runs]) => row(name, 'M tokens/s', runs)),
    row('open tokenizer.model', 'ms', loads),
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

/** Millions of tokens a second, by task, for every run. */
function measure(tasks: ReadonlyMap<string, () => number>): Map<string, number[]> {
  const rates = new Map([...tasks.keys()].map((name): [string, number[]] => [name, []]));
  for (let run = -1; run < RUNS; run++) {
    for (const [name, task] of tasks) {
      const rate = tokensPerSecond(task) / 1e6;
      if (run >= 0) rates.get(name)!.push(rate); // the first one only warms up
    }
  }
  return rates;
}

function tokensPerSecond(task: () => number): number {
  const start = performance.now();
  let tokens = 0;
  while (performance.now() - start < RUN_MILLISECONDS) tokens += task();
  return (tokens / (performance.now() - start)) * 1000;
}

function milliseconds(task: () => unknown): number {
  const start = performance.now();
  task();
  return performance.now() - start;
}

function row(name: string, unit: string, runs: readonly number[]): Row {
  const sorted = [...runs].sort((a, b) => a - b);
  return {
    name,
    unit,
    median: sorted[sorted.length >> 1]!,
    lowest: sorted[0]!,
    highest: sorted.at(-1)!,
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  console.log(`${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.version}, one core`);
  for (const { name, unit, median, lowest, highest } of await benchTokenizer()) {
    const spread = `${lowest.toFixed(2)}–${highest.toFixed(2)}`;
    console.log(`${name.padEnd(36)} ${median.toFixed(2).padStart(8)} ${unit}  (${spread})`);
  }
}
