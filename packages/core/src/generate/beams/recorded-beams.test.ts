import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compileXComposer } from '../../models/xcomposer/compile-model.ts';
import type { XComposer } from '../../models/xcomposer/model.ts';
import { referenceBackend } from '../../reference/reference-backend.ts';
import { openCheckpoint } from '../../weights/open-checkpoint.ts';
import { generate } from '../generate.ts';
import type { Hypothesis } from './beam-search.ts';

interface RecordedRun {
  readonly num_beams: number;
  readonly length_penalty: number;
  readonly early_stopping: boolean | 'never';
  readonly max_new_tokens: number;
  readonly all: readonly { readonly ids: readonly number[]; readonly score: number }[];
}

const fixtures = fileURLToPath(new URL('../../../../../fixtures', import.meta.url));
const recorded: {
  readonly prompt: readonly number[];
  readonly eos_ids: readonly number[];
  readonly runs: readonly RecordedRun[];
} = JSON.parse(readFileSync(`${fixtures}/goldens/units/beams-text-01.json`, 'utf8'));
const prompt = [{ type: 'text', ids: Int32Array.from(recorded.prompt) }] as const;

let model: XComposer;
beforeAll(async () => {
  const folder = `${fixtures}/ixc25-micro`;
  const config = JSON.parse(readFileSync(`${folder}/config.json`, 'utf8'));
  const checkpoint = await openCheckpoint(folder);
  model = await compileXComposer({ backend: referenceBackend, config, checkpoint });
});
afterAll(() => model[Symbol.asyncDispose]());

// The others are left to `lingbi parity`, which has a faster backend.
test.each(recorded.runs.slice(2, 3))(
  'a model finds the answers the reference found: $num_beams beams, length^$length_penalty',
  async (run) => {
    using sequence = model.openSequence({ capacity: 40, slots: run.num_beams });
    let answers: readonly Hypothesis[] = [];
    for await (const event of generate(sequence, prompt, {
      stopTokens: new Set(recorded.eos_ids),
      maxNewTokens: run.max_new_tokens,
      beams: {
        count: run.num_beams,
        lengthPenalty: run.length_penalty,
        earlyStopping: run.early_stopping,
      },
    })) {
      if (event.type === 'generation-end') answers = event.answers!;
    }
    expect(answers.map(({ tokens }) => tokens)).toEqual(run.all.map(({ ids }) => ids));
    for (const [place, { score }] of answers.entries()) {
      expect(Math.abs(score - run.all[place]!.score)).toBeLessThan(1e-4);
    }
  },
);
