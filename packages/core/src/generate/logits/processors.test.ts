import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { logSoftmax } from './log-softmax.ts';
import { noRepeatNgram } from './penalties.ts';
import { filterSteps, penaltySteps } from './steps-of.ts';

interface FilterRow {
  readonly logits: readonly number[];
  readonly ids: readonly number[];
  readonly repetition_penalty: number;
  readonly temperature: number;
  readonly top_k: number;
  readonly top_p: number;
  readonly min_tokens_to_keep: number;
  readonly kept: readonly number[];
  readonly probs: readonly number[];
}

interface NgramRow {
  readonly logits: readonly number[];
  readonly ids: readonly number[];
  readonly no_repeat_ngram_size: number;
  readonly banned: readonly number[];
}

const file = new URL('../../../../../fixtures/goldens/units/processors.json', import.meta.url);
const rows: readonly (FilterRow | NgramRow)[] = JSON.parse(readFileSync(file, 'utf8'));

describe('steps on recorded logits give the recorded probabilities', () => {
  const filters = rows.filter((row): row is FilterRow => 'kept' in row);
  test.each(filters.map((row, index) => [index, row] as const))('row %i', (_, row) => {
    const scores = Float32Array.from(row.logits);
    const sampling = {
      temperature: row.temperature,
      topK: row.top_k,
      topP: row.top_p,
      minTokensToKeep: row.min_tokens_to_keep,
    };
    const penalties = penaltySteps({ repetitionPenalty: row.repetition_penalty }, new Set());
    for (const step of [...penalties, ...filterSteps(sampling)]) {
      step(scores, { generated: row.ids, prompt: [] });
    }
    const kept = [...scores.keys()].filter((id) => scores[id]! > -Infinity);
    expect(kept).toEqual(row.kept);
    for (const [id, found] of logSoftmax(scores).map(Math.exp).entries()) {
      expect(found).toBeCloseTo(row.probs[id]!, 6);
    }
  });
});

describe('n-grams that came before are banned as recorded', () => {
  const bans = rows.filter((row): row is NgramRow => 'banned' in row);
  test.each(bans.map((row, index) => [index, row] as const))('row %i', (_, row) => {
    const scores = Float32Array.from(row.logits);
    noRepeatNgram(row.no_repeat_ngram_size)(scores, { generated: row.ids, prompt: [] });
    expect([...scores.keys()].filter((id) => scores[id] === -Infinity)).toEqual(row.banned);
  });
});
