import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { logSoftmax } from '../logits/log-softmax.ts';
import { type PenaltyOptions, penaltySteps } from '../logits/steps-of.ts';
import { createRandom } from '../random.ts';
import { sampler } from '../sampler.ts';
import {
  advanceBeams,
  type BeamSearchOptions,
  type BeamSearchState,
  bestSoFar,
  type Hypothesis,
  startBeamSearch,
} from './beam-search.ts';

interface Run {
  readonly table: 'A' | 'B';
  readonly prompt: readonly number[];
  readonly params: {
    readonly max_new_tokens: number;
    readonly eos_token_id: number | readonly number[] | null;
    readonly num_beams?: number;
    readonly length_penalty?: number;
    readonly early_stopping?: boolean | 'never';
    readonly repetition_penalty?: number;
    readonly min_new_tokens?: number;
    readonly no_repeat_ngram_size?: number;
  };
  readonly outputs: readonly (readonly number[])[];
  readonly scores?: readonly number[];
}

interface ToyTable {
  readonly table: readonly (readonly number[])[];
  readonly first: readonly number[];
  readonly position: readonly (readonly number[])[];
}

const file = new URL('../../../../../fixtures/goldens/units/beam_search.json', import.meta.url);
const { tables, runs }: { tables: Record<'A' | 'B', ToyTable>; runs: readonly Run[] } = JSON.parse(
  readFileSync(file, 'utf8'),
);

/** The recorded model of 17 symbols: what follows depends on the last symbol and the position. */
function toyLogits({ table, first, position }: ToyTable, ids: readonly number[]): Float32Array {
  const row = ids.length > 0 ? table[ids.at(-1)!]! : first;
  const added = position[ids.length % position.length]!;
  return Float32Array.from(row, (value, symbol) => value + added[symbol]!);
}

function penaltiesOf({ params }: Run): PenaltyOptions {
  return {
    repetitionPenalty: params.repetition_penalty ?? 1,
    ...(params.min_new_tokens && { minNewTokens: params.min_new_tokens }),
    ...(params.no_repeat_ngram_size && { noRepeatNgram: params.no_repeat_ngram_size }),
  };
}

function searchOptions({ params }: Run): BeamSearchOptions {
  return {
    count: params.num_beams ?? 1,
    lengthPenalty: params.length_penalty ?? 1,
    earlyStopping: params.early_stopping ?? false,
    maxNewTokens: params.max_new_tokens,
    stopTokens: new Set([params.eos_token_id ?? []].flat()),
  };
}

function search(run: Run, options: BeamSearchOptions): BeamSearchState {
  const steps = penaltySteps(penaltiesOf(run), options.stopTokens);
  let state = startBeamSearch(options);
  while (!state.done) {
    const scores = state.running.map(({ tokens }) => {
      const row = logSoftmax(toyLogits(tables[run.table], [...run.prompt, ...tokens]));
      for (const step of steps) step(row, { generated: tokens, prompt: run.prompt });
      return row;
    });
    state = advanceBeams(state, scores, options);
  }
  return state;
}

function greedy(run: Run): number[] {
  const { stopTokens, maxNewTokens } = searchOptions(run);
  const pick = sampler({ ...penaltiesOf(run), stopTokens, prompt: run.prompt });
  const tokens: number[] = [];
  while (tokens.length < maxNewTokens && !stopTokens.has(tokens.at(-1) ?? -1)) {
    tokens.push(pick(toyLogits(tables[run.table], [...run.prompt, ...tokens]), tokens));
  }
  return tokens;
}

const recorded = runs.map((run, index) => [index, run.params, run] as const);
const beamRuns = recorded.filter(([, { num_beams }]) => num_beams);
const greedyRuns = recorded.filter(([, { num_beams }]) => !num_beams);

describe('recorded runs of the toy model', () => {
  test.each(greedyRuns)('greedy %i: %j', (_, __, run) => {
    expect(greedy(run)).toEqual(run.outputs[0]);
  });

  test.each(beamRuns)('beams %i: %j', (_, __, run) => {
    const { finished } = search(run, searchOptions(run));
    expect(finished.map(({ tokens }) => tokens)).toEqual(run.outputs);
    for (const [place, { score }] of finished.entries()) {
      expect(Math.abs(score - run.scores![place]!)).toBeLessThan(1e-4);
    }
  });
});

// The penalty acts on log-probabilities in beam search and on logits elsewhere, so it is left out.
const plainRuns = greedyRuns.filter(([, params]) => (params.repetition_penalty ?? 1) === 1);
test.each(plainRuns)('one beam is greedy decoding, %i: %j', (_, __, run) => {
  const { finished } = search(run, searchOptions(run));
  expect(finished[0]!.tokens).toEqual(run.outputs[0]);
});

describe('drawn beams', () => {
  const [, , run] = beamRuns[0]!;
  const answers = (seed: number) =>
    search(run, { ...searchOptions(run), count: 3, random: createRandom(seed) }).finished;

  test('a seed gives the same answers again, another seed others', () => {
    expect(answers(1)).toEqual(answers(1));
    expect(answers(1)).not.toEqual(answers(2));
  });

  test('continuations come as often as their probabilities say', () => {
    const scores = [Math.log(0.6), Math.log(0.3), Math.log(0.1), -Infinity];
    const counts = [0, 0, 0, 0];
    const random = createRandom(3);
    const options = { ...searchOptions(run), count: 1, maxNewTokens: 5, random };
    for (let i = 0; i < 3000; i++) {
      // Two of three are drawn without replacement; the one left out tells the order of draws.
      const { running } = advanceBeams(startBeamSearch(options), [Float32Array.from(scores)], {
        ...options,
        stopTokens: new Set<number>(),
      });
      counts[running[0]!.tokens[0]!]! += 1;
    }
    // P(token 0 among two drawn) = 0.6 + 0.3 · 0.6 / 0.7 + 0.1 · 0.6 / 0.9; it then ranks first.
    const expected = 3000 * (0.6 + (0.3 * 0.6) / 0.7 + (0.1 * 0.6) / 0.9);
    expect(Math.abs(counts[0]! - expected)).toBeLessThan(90);
    expect(counts[3]).toBe(0);
  });
});

describe('what ends a beam', () => {
  const options: BeamSearchOptions = {
    count: 2,
    lengthPenalty: 1,
    earlyStopping: false,
    maxNewTokens: 4,
    stopTokens: new Set(),
  };
  const step = (state: BeamSearchState, changed: Partial<BeamSearchOptions> = {}) =>
    advanceBeams(
      state,
      state.running.map(() => logSoftmax(Float32Array.of(3, 2, 1, 0, -1))),
      { ...options, ...changed },
    );

  test('a condition of the caller, which is named as the reason', () => {
    const stopWhen = (tokens: readonly number[]) => tokens.join() === '0,1';
    const { finished } = step(step(startBeamSearch(options), { stopWhen }), { stopWhen });
    expect(finished).toMatchObject([{ tokens: [0, 1], reason: 'stop-condition' }]);
  });

  test('the limit of tokens, which only the best candidates reach as answers', () => {
    let state = startBeamSearch(options);
    while (!state.done) state = step(state);
    expect(state.finished.map(({ tokens, reason }: Hypothesis) => [tokens.length, reason])).toEqual(
      [
        [4, 'max-tokens'],
        [4, 'max-tokens'],
      ],
    );
  });

  test('nothing left to continue with', () => {
    const banned = new Float32Array(5).fill(-Infinity);
    expect(advanceBeams(startBeamSearch(options), [banned], options)).toEqual({
      running: [],
      finished: [],
      done: true,
    });
  });

  test('the best so far may be running or finished', () => {
    const changed = { ...options, stopTokens: new Set([1]) };
    const start = advanceBeams(startBeamSearch(options), [Float32Array.of(-1, -2, -3)], options);
    const next = (...scores: number[]) =>
      bestSoFar(
        advanceBeams(
          start,
          start.running.map(() => Float32Array.from(scores)),
          changed,
        ),
        changed,
      );
    expect(next(-1, -2, -3)).toEqual({ tokens: [0, 0], score: -1 });
    expect(next(-2, -1, -3)).toMatchObject({ tokens: [0, 1], score: -1 });
  });
});
