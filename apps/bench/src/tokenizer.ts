import { readFileSync } from 'node:fs';
import { createTokenizer, type Tokenizer } from '@lingbi/tokenizer';
import {
  type Absence,
  type Bench,
  medianOf,
  milliseconds,
  type Row,
  rowOf,
  type Step,
  takeTurns,
} from './bench.ts';
import { openLlamaTokenizer, type PeerTokenizer } from './contenders/llama-tokenizer.ts';

const RUNS = 9;
const RUN_MILLISECONDS = 250;

const fixtures = new URL('../../../fixtures/', import.meta.url);

export const tokenizerBench: Bench = {
  describe: 'Millions of tokens a second on one core, text to ids and back, beside llama.cpp',
  run: benchTokenizer,
};

const PEER = 'llama.cpp';
/** Begins the name of a step that the peer does. */
const peerMark = `${PEER}: `;

async function benchTokenizer(): Promise<(Row | Absence)[]> {
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
  const peer = await openPeer(tokenizer, texts.mixed);
  const steps = 'absent' in peer ? tasks : new Map([...tasks, ...peerSteps(peer, texts)]);
  const rates = await takeTurns(steps, { runs: RUNS, warmUp: 1 });
  if (!('absent' in peer)) await peer[Symbol.asyncDispose]();
  const open = new Map([['open', () => milliseconds(() => createTokenizer(bytes))]]);
  const loads = await takeTurns(open, { runs: 5, warmUp: 0 });
  return [
    ...besidePeer(rates),
    rowOf('open tokenizer.model', 'ms', loads.get('open')!),
    ...('absent' in peer ? [peer] : []),
  ];
}

/** @returns an absence as well where it finds other ids: its speed would be that of other work. */
async function openPeer(tokenizer: Tokenizer, text: string): Promise<PeerTokenizer | Absence> {
  try {
    const peer = await openLlamaTokenizer(tokenizer.model);
    const own = tokenizer.encode(text, { parseSpecial: 'user-defined' });
    if (peer.encode(text).join() === own.join()) return peer;
    await peer[Symbol.asyncDispose]();
    return { figure: PEER, absent: 'it finds other ids' };
  } catch (error) {
    return { figure: PEER, absent: (error as Error).message };
  }
}

function peerSteps(peer: PeerTokenizer, { mixed, english, chinese }: BenchTexts): [string, Step][] {
  const ids = peer.encode(mixed);
  return [
    [`${peerMark}encode mixed text`, rateOf(() => peer.encode(mixed).length)],
    [`${peerMark}encode English`, rateOf(() => peer.encode(english).length)],
    [`${peerMark}encode Chinese`, rateOf(() => peer.encode(chinese).length)],
    [`${peerMark}decode mixed text`, rateOf(() => peer.decode(ids).length && ids.length)],
  ];
}

function besidePeer(rates: ReadonlyMap<string, readonly number[]>): Row[] {
  return [...rates]
    .filter(([figure]) => !figure.startsWith(peerMark))
    .map(([figure, runs]) => {
      const theirs = rates.get(peerMark + figure);
      const peer = theirs && { name: PEER, median: medianOf(theirs) };
      return rowOf(figure, 'M tokens/s', runs, peer);
    });
}

interface BenchTexts {
  readonly mixed: string;
  readonly english: string;
  readonly chinese: string;
}

/** Recorded lines and prompts: many scripts, code, runs of white space; English and Chinese prose. */
function benchTexts(): BenchTexts {
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
