/**
 * Decoding that reads ahead where the answer repeats its prompt, beside decoding that does not, on
 * random weights of InternLM2-1.8B whose answers are prescribed:
 *
 *     npm run bench -- lookup
 */
import { finishPrefill, generate, likeliest, type XComposer } from '@lingbi/core';
import { type Bench, type Row, rowOf, type Step, takeTurns } from './bench.ts';
import { withBenchModel } from './generation/bench-model.ts';

const LAYERS = 24;
const PROMPT = 512;
const ANSWER = 64;
const RUNS = 7;
const AGREEMENT = 128;
const AT_ONCE = 8;

/** Answers by how they relate to the prompt. */
const answers: Readonly<Record<string, (prompt: Int32Array) => number[]>> = {
  'copies the prompt': (prompt) => [...prompt.subarray(100, 100 + ANSWER)],
  'copies every other eight tokens': (prompt) =>
    Array.from({ length: ANSWER }, (_, i) => (i & 8 ? 2000 + i : prompt[100 + i]!)),
  'begins like the prompt again and again, and goes on otherwise': (prompt) =>
    Array.from({ length: ANSWER }, (_, i) => (i % 4 < 3 ? prompt[100 + (i % 4)]! : 2000 + i)),
  'repeats nothing': () => Array.from({ length: ANSWER }, (_, i) => 2000 + i),
};

export const lookupBench: Bench = {
  describe: `Decode with prompt lookup beside decode without, ${ANSWER} tokens after ${PROMPT}`,
  takes: ['runs'],
  run: ({ runs = RUNS }) =>
    withBenchModel({ layers: LAYERS, vision: false }, async (model) => {
      const rows: Row[] = [];
      for (const kind of Object.keys(answers)) rows.push(await measureAnswer(model, kind, runs));
      return [...rows, await measureAgreement(model)];
    }),
};

async function measureAnswer(model: XComposer, kind: string, runs: number): Promise<Row> {
  const prompt = Int32Array.from({ length: PROMPT }, (_, i) => 3 + ((i * 31) % 1900));
  const answer = answers[kind]!(prompt);
  const rate = (promptLookup: boolean) => tokensPerSecond(model, { prompt, answer, promptLookup });
  const steps = new Map<string, Step>([
    ['with', () => rate(true)],
    ['without', () => rate(false)],
  ]);
  const found = await takeTurns(steps, { runs, warmUp: 1 });
  const without = rowOf('', '', found.get('without')!);
  const peer = { name: 'without', median: without.median };
  return rowOf(`an answer that ${kind}`, 'tokens/s', found.get('with')!, peer);
}

/** How often several tokens in one run make the same token the likeliest as one by one do. */
async function measureAgreement(model: XComposer): Promise<Row> {
  const prompt = Int32Array.from({ length: PROMPT }, (_, i) => 3 + ((i * 31) % 1900));
  const tokens = Array.from({ length: AGREEMENT }, (_, i) => 7 + ((i * i * 13) % 1900));
  using sequence = model.openSequence({ capacity: PROMPT + AGREEMENT });
  await finishPrefill(sequence.prefill([{ type: 'text', ids: prompt }]));
  const alone: number[] = [];
  for (const token of tokens) alone.push(likeliest(await sequence.feed(token)));
  sequence.truncate(PROMPT);
  const together: number[] = [];
  for (let from = 0; from < AGREEMENT; from += AT_ONCE) {
    const logits = await sequence.feedAll(tokens.slice(from, from + AT_ONCE));
    together.push(...logits.map(likeliest));
  }
  const equal = alone.filter((token, place) => token === together[place]).length;
  return rowOf(`likeliest tokens that are the same, ${AT_ONCE} tokens a run`, '%', [
    (100 * equal) / AGREEMENT,
  ]);
}

interface Written {
  readonly prompt: Int32Array;
  readonly answer: readonly number[];
  readonly promptLookup: boolean;
}

/** From the first token to the last; the model's own choices are overruled. */
async function tokensPerSecond(
  model: XComposer,
  { prompt, answer, promptLookup }: Written,
): Promise<number> {
  using sequence = model.openSequence({ capacity: PROMPT + ANSWER });
  let [first, last] = [0, 0];
  const events = generate(sequence, [{ type: 'text', ids: prompt }], {
    ...{ stopTokens: new Set<number>(), maxNewTokens: ANSWER, promptLookup },
    sampler: (_, tokens) => answer[tokens.length]!,
  });
  for await (const { type } of events) {
    if (type !== 'token') continue;
    last = performance.now();
    first ||= last;
  }
  return (1000 * (ANSWER - 1)) / (last - first);
}
