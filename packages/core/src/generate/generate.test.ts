import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CacheFullError } from '../backend/errors.ts';
import { TooManyBranchesError } from './assign-slots.ts';
import {
  advanceBeams,
  type BeamSearchOptions,
  type Hypothesis,
  startBeamSearch,
} from './beams/beam-search.ts';
import { InvalidOptionError } from './check-options.ts';
import type { DecodeStep } from './decoder-runtime.ts';
import { type GenerationEnd, type GenerationEvent, generate } from './generate.ts';
import type { GenerateOptions } from './generate-options.ts';
import { logSoftmax } from './logits/log-softmax.ts';
import { NoTokenLeftError } from './logits/no-token-left-error.ts';
import { type Sampler, sampler } from './sampler.ts';
import { openSequence } from './sequence.ts';
import { SYMBOLS, testLogits, testPrompt, testRuntime } from './test-runtime.ts';

const stopTokens = new Set([2, 5]);
const plain = { stopTokens, maxNewTokens: 10 };

interface Written {
  readonly tokens: number[];
  readonly events: GenerationEvent[];
  readonly end: GenerationEnd;
}

async function written(events: AsyncIterable<GenerationEvent>): Promise<Written> {
  const all: GenerationEvent[] = [];
  for await (const event of events) all.push(event);
  const tokens = all.flatMap((event) => (event.type === 'token' ? [event.token] : []));
  return { tokens, events: all, end: all.at(-1) as GenerationEnd };
}

/** Writes after a prompt, on a sequence of its own. */
function write(options: GenerateOptions, prompt = testPrompt(3, 1), slots = 5): Promise<Written> {
  const sequence = openSequence(testRuntime().runtime, 100, slots);
  return written(generate(sequence, prompt, options));
}

/** The same search with every beam read from its start: nothing can be in a wrong slot. */
function searchAnew(prompt: readonly number[], options: BeamSearchOptions): readonly Hypothesis[] {
  let state = startBeamSearch(options);
  while (!state.done) {
    const scores = state.running.map(({ tokens }) =>
      logSoftmax(testLogits([...prompt, ...tokens])),
    );
    state = advanceBeams(state, scores, options);
  }
  return state.finished;
}

describe('beams', () => {
  const searches = fc.record({
    prompt: fc.array(fc.nat(SYMBOLS - 1), { minLength: 1, maxLength: 6 }),
    count: fc.integer({ min: 2, max: 5 }),
    lengthPenalty: fc.constantFrom(0, 0.6, 1, 1.4),
    earlyStopping: fc.constantFrom(true, false, 'never' as const),
  });

  test('find in shared slots what they find when each is read from its start', async () => {
    await fc.assert(
      fc.asyncProperty(searches, async ({ prompt, ...beams }) => {
        const { end, tokens } = await write({ ...plain, beams }, testPrompt(...prompt));
        expect(end.answers).toEqual(searchAnew(prompt, { ...plain, ...beams }));
        expect(tokens).toEqual(end.answers![0]!.tokens);
      }),
      { numRuns: 60 },
    );
  });

  test('run as one batch, in the order of their slots, after one reading of the prompt', async () => {
    const { runtime, runs, extensions } = testRuntime();
    using sequence = openSequence(runtime, 100, 3);
    await written(generate(sequence, testPrompt(3, 1, 4), { ...plain, beams: 3 }));
    expect(runs[0]).toEqual([0]);
    for (const slots of runs.slice(1)) expect(slots).toEqual([1, 2, 3]);
    expect(extensions.slice(0, 3)).toEqual([
      [0, 1],
      [0, 2],
      [0, 3],
    ]);
  });

  test('tell the best so far at each step, and the tokens of the best at the end', async () => {
    const { events, end, tokens } = await write({ ...plain, beams: 3 });
    const progress = events.filter(({ type }) => type === 'beam-progress');
    expect(progress.length).toBeGreaterThan(1);
    const last = progress.at(-1);
    expect(last).toMatchObject({ tokens, score: end.answers![0]!.score });
    expect(end.answers).toHaveLength(3);
    expect(end).toMatchObject({ newTokens: tokens.length, reason: end.answers![0]!.reason });
  });

  test('end where the caller says, before as many tokens as no stop token may come before', async () => {
    const stopWhen = (tokens: readonly number[]) => tokens.length === 3;
    for (const count of [1, 3]) {
      const options = { ...plain, beams: count, minNewTokens: 6 };
      const { end, tokens } = await write({ ...options, stopWhen });
      expect([end.reason, tokens.length]).toEqual(['stop-condition', 3]);
      expect((await write(options)).tokens.length).toBeGreaterThanOrEqual(6);
    }
  });

  test('one beam is greedy decoding', async () => {
    expect((await write({ ...plain, beams: 1 })).tokens).toEqual((await write(plain)).tokens);
  });

  test('leave the sequence with the answer, so that the next turn reads only what is new', async () => {
    const { runtime, held } = testRuntime();
    using sequence = openSequence(runtime, 100, 3);
    const { tokens } = await written(
      generate(sequence, testPrompt(3, 1), { ...plain, beams: 3, minNewTokens: 4 }),
    );
    const turn = testPrompt(3, 1, ...tokens, 7, 8);
    const next = await written(generate(sequence, turn, plain));
    expect(next.end.cachedTokens).toBeGreaterThan(2);
    expect(next.tokens).toEqual((await write(plain, turn)).tokens);
    expect(held.filter(({ length }) => length > 0)).toHaveLength(1);
  });

  test('that are abandoned leave the sequence as the prompt left it', async () => {
    const { runtime } = testRuntime();
    using sequence = openSequence(runtime, 100, 3);
    const stop = new AbortController();
    const options = { ...plain, beams: 3, signal: stop.signal };
    const run = async () => {
      for await (const { type } of generate(sequence, testPrompt(3, 1), options)) {
        if (type === 'beam-progress') stop.abort(new Error('enough'));
      }
    };
    await expect(run()).rejects.toThrow('enough');
    expect(sequence.length).toBe(2);
    for await (const { type } of generate(sequence, testPrompt(3, 1), { ...plain, beams: 3 })) {
      if (type === 'beam-progress') break;
    }
    expect(sequence.length).toBe(2);
    const { tokens } = await written(generate(sequence, testPrompt(3, 1), plain));
    expect(tokens).toEqual((await write(plain)).tokens);
  });

  test('may be drawn: a seed gives the same answers again', async () => {
    const options = { ...plain, beams: 3, sampling: { temperature: 1.2, topP: 0.9, seed: 6 } };
    const [first, again] = [await write(options), await write(options)];
    expect(first.end).toEqual(again.end);
    expect(first.end.seed).toBe(6);
    const other = await write({ ...options, sampling: { ...options.sampling, seed: 7 } });
    expect(other.end.answers).not.toEqual(first.end.answers);
  });

  test('of which nothing is left are an error, not an empty answer', async () => {
    const logitBias = new Map(Array.from({ length: SYMBOLS }, (_, id) => [id, -Infinity]));
    await expect(write({ ...plain, beams: 2, logitBias })).rejects.toThrow(NoTokenLeftError);
    await expect(write({ ...plain, logitBias })).rejects.toThrow('ban every token');
  });
});

describe('sampling', () => {
  test('repeats with its seed; without one it reports the one it took', async () => {
    const fresh = await write({ ...plain, sampling: {} });
    const again = await write({ ...plain, sampling: { seed: fresh.end.seed! } });
    expect(again.tokens).toEqual(fresh.tokens);
  });

  // Contract: who kept a seed gets the same answer from every later version.
  test('draws the same tokens in every version', async () => {
    const sampling = { temperature: 1.5, topK: 8, topP: 0.95, minP: 0.01, seed: 42 };
    const { tokens } = await write({ stopTokens: new Set(), maxNewTokens: 8, sampling });
    expect(tokens).toEqual([5, 4, 5, 6, 11, 10, 9, 0]);
  });

  test('draws tokens as often as their probabilities say', async () => {
    const counts = new Array<number>(SYMBOLS).fill(0);
    for (let seed = 0; seed < 2000; seed++) {
      const { tokens } = await write({ stopTokens, maxNewTokens: 1, sampling: { seed } });
      counts[tokens[0]!]! += 1;
    }
    const expected = logSoftmax(testLogits([3, 1])).map(Math.exp);
    for (const [token, count] of counts.entries()) {
      // Four standard deviations of 2,000 draws are at most 90.
      expect(Math.abs(count - 2000 * expected[token]!)).toBeLessThan(90);
    }
  });

  test('of the one best token is greedy decoding', async () => {
    const { tokens } = await write({ ...plain, sampling: { topK: 1 } });
    expect(tokens).toEqual((await write(plain)).tokens);
  });
});

describe('what ends an answer', () => {
  test('a condition of the caller, asked with the whole answer', async () => {
    const stopWhen = (tokens: readonly number[]) => tokens.length === 3;
    const { end, tokens } = await write({ stopTokens: new Set(), maxNewTokens: 9, stopWhen });
    expect([tokens.length, end.reason]).toEqual([3, 'stop-condition']);
  });

  test('no stop token before minNewTokens', async () => {
    const all = new Set(Array.from({ length: SYMBOLS - 1 }, (_, id) => id));
    const { tokens } = await write({ stopTokens: all, maxNewTokens: 9, minNewTokens: 4 });
    expect(tokens.slice(0, 4)).toEqual([11, 11, 11, 11]);
  });
});

test('log-probabilities come with each token when asked for', async () => {
  const { events } = await write({ ...plain, maxNewTokens: 1, topLogprobs: 2 });
  const expected = logSoftmax(testLogits([3, 1]));
  const ranked = [...expected.keys()].sort((a, b) => expected[b]! - expected[a]!);
  const [token] = events.filter((event) => event.type === 'token');
  expect(token!.logprobs!.logprob).toBeCloseTo(expected[ranked[0]!]!, 5);
  expect(token!.logprobs!.top.map(({ token }) => token)).toEqual(ranked.slice(0, 2));
});

test('the prompt counts as repetition only when asked for', async () => {
  const ids = Array.from({ length: SYMBOLS - 1 }, (_, id) => id);
  const penalty = { ...plain, maxNewTokens: 1, repetitionPenalty: 1000 };
  const prompt = testPrompt(...ids);
  const hidden = await write(penalty, prompt);
  const seen = await write({ ...penalty, penaltyScope: 'prompt-and-answer' }, prompt);
  const logits = testLogits(ids);
  expect(hidden.tokens).toEqual([logits.indexOf(Math.max(...logits))]);
  expect(seen.tokens).not.toEqual(hidden.tokens);
});

const pickOne = (): number => 1;

describe('an option that cannot be honoured is refused before the model runs', () => {
  test.each([
    [{ topK: 50 }, 'topK: there is no such option; there are repetitionPenalty,'],
    [{ sampling: { topP: 80 } }, 'sampling.topP: it must be above 0 and at most 1, but it is 80'],
    [{ sampling: { temperature: 0 } }, 'leave out `sampling` for the likeliest token'],
    [{ sampling: { top_p: 0.8 } }, 'sampling.top_p: there is no such option'],
    [{ repetitionPenalty: 0 }, 'repetitionPenalty: it must be a number above 0'],
    [{ beams: 2.5 }, 'beams: it must be a whole number from 1 on, or an object'],
    [{ beams: { count: 3, earlyStopping: 'no' } }, 'must be one of true, false, "never"'],
    [{ beams: { count: 1, lengthPenalty: 2 } }, 'need a count of at least 2'],
    [{ beams: 3, topLogprobs: 1 }, 'tokens are not settled as they come'],
    [{ beams: 3, sampler: pickOne }, 'beams need several'],
    [{ sampler: pickOne, sampling: {} }, 'Leave one of them out'],
    [{ minNewTokens: 11 }, '11 are more than the 10 of maxNewTokens'],
    [{ beams: {} }, 'beams.count: it must be a whole number from 1 on'],
    [{ maxNewTokens: undefined }, 'maxNewTokens: it must be a whole number from 1 on'],
    [{ maxNewTokens: 0 }, 'a whole number from 1 on'],
    [{ logitBias: { 3: 1 } }, 'a Map from ids to numbers'],
    [{ penaltyScope: 'answer' }, 'no effect without repetitionPenalty or noRepeatNgram'],
    [{ sampling: { minTokensToKeep: 2 } }, 'no effect without topK, topP or minP'],
    [{ penaltyScope: 'prompt' }, 'must be one of "answer", "prompt-and-answer"'],
  ])('%j', (changed, message) => {
    const { runtime, runs } = testRuntime();
    using sequence = openSequence(runtime, 100, 3);
    const options = { ...plain, ...changed } as GenerateOptions;
    expect(() => generate(sequence, testPrompt(1), options)).toThrow(InvalidOptionError);
    expect(() => generate(sequence, testPrompt(1), options)).toThrow(message);
    expect(runs).toEqual([]);
  });

  test('an answer that the sequence has no room for; what just fits is written', async () => {
    const { runtime, runs } = testRuntime();
    const prompt = testPrompt(3, 1, 4);
    for (const beams of [1, 3]) {
      using sequence = openSequence(runtime, 12, 3);
      const open = (maxNewTokens: number) =>
        generate(sequence, prompt, { stopTokens: new Set(), maxNewTokens, beams });
      const before = runs.length;
      expect(() => open(11)).toThrow(CacheFullError);
      expect(() => open(11)).toThrow(
        '13 new tokens do not fit: the cache holds 0 of 12. Lower maxNewTokens to 10, or open',
      );
      expect(runs).toHaveLength(before);
      expect((await written(open(10))).tokens).toHaveLength(10);
    }
    using small = openSequence(runtime, 2);
    expect(() => generate(small, prompt, plain)).toThrow('Open the sequence with a larger');
  });

  test('more beams than the sequence has slots', () => {
    using sequence = openSequence(testRuntime().runtime, 100, 2);
    const open = () => generate(sequence, testPrompt(1), { ...plain, beams: 3 });
    expect(open).toThrow(TooManyBranchesError);
    expect(open).toThrow('Open it with { slots: 3 }, or ask for fewer beams');
  });
});

test('a sampler of your own may keep the logits that it was given', async () => {
  const { runtime } = testRuntime();
  const reusing = {
    ...runtime,
    decode: async (step: DecodeStep) => {
      const logits = await runtime.decode(step);
      step.spare?.set(logits);
      return step.spare ?? logits;
    },
  };
  const seen: Float32Array[] = [];
  const greedy = sampler();
  const keeping: Sampler = (logits, history) => {
    seen.push(logits);
    return greedy(logits, history);
  };
  const options = { stopTokens: new Set<number>(), maxNewTokens: 5 };
  const { tokens } = await written(
    generate(openSequence(reusing, 100), testPrompt(3, 1), { ...options, sampler: keeping }),
  );
  expect(seen).toEqual(tokens.map((_, at) => testLogits([3, 1, ...tokens.slice(0, at)])));
  const plain = await written(generate(openSequence(reusing, 100), testPrompt(3, 1), options));
  expect(plain.tokens).toEqual(tokens);
});
