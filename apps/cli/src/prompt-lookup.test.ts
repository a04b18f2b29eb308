import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { missingKernels, onnx } from '@lingbi/backend-onnx';
import { tfjs } from '@lingbi/backend-tfjs';
import { type Backend, finishPrefill, relativeError } from '@lingbi/core';
import { convertCheckpoint } from '@lingbi/hub';
import { openModel } from '@lingbi/tasks';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const folder = fileURLToPath(new URL('../../../fixtures/ixc25-micro', import.meta.url));
const picture = fileURLToPath(new URL('../../../fixtures/pictures/cars1.jpg', import.meta.url));
const backends: readonly Backend[] = [onnx(), tfjs({ engine: 'wasm' })];

const missing = missingKernels();

describe.skipIf(missing)('weights in 4 bits, by kernels of our own', () => {
  const out = join(mkdtempSync(join(tmpdir(), 'lingbi-')), 'int4');
  beforeAll(() => convertCheckpoint(folder, out, { weights: 'int4', block: 32 }));
  afterAll(() => rmSync(dirname(out), { recursive: true }));

  test.each(['float32', 'float16', 'int8'] as const)(
    'find for nine tokens at once what they find one by one, to the bit, over a past in %s',
    async (kv) => {
      await using model = await openModel(out, { backend: onnx(), kv });
      using sequence = model.xcomposer.openSequence({ capacity: 100 });
      const ids = Int32Array.from({ length: 60 }, (_, at) => 300 + 17 * at);
      await finishPrefill(sequence.prefill([{ type: 'text', ids }]));
      const more = Array.from({ length: 9 }, (_, at) => 5000 + 31 * at);
      const together = await sequence.feedAll(more);
      sequence.truncate(60);
      for (const [at, token] of more.entries()) {
        const alone = await sequence.feed(token);
        expect(relativeError(alone, together[at]!), `token ${at}`).toBe(0);
      }
    },
  );
});

describe.each(backends)('prompt lookup on $name', (backend) => {
  test.each([
    ['the likeliest tokens, after a picture', { images: [picture] }],
    ['drawn tokens', { sampling: { temperature: 0.4, topK: 5, seed: 7 } }],
    ['penalised tokens', { repetitionPenalty: 1.02 }],
  ])('writes the same answer: %s', async (_, how) => {
    await using model = await openModel(folder, { backend });
    const options = { maxNewTokens: 32, ...how };
    const question = 'one two three four, one two three four, one two three';
    await using plain = model.chat({ hdNum: 1 });
    await using ahead = model.chat({ hdNum: 1 });
    const wanted = await plain.ask(question, options);
    const { text, usage } = await ahead.ask(question, { ...options, promptLookup: true });
    expect(text).toBe(wanted.text);
    expect(usage.lookup!.drafted).toBeGreaterThanOrEqual('images' in how ? 1 : 0);
    expect(ahead.heldPositions).toBe(plain.heldPositions);
    expect(wanted.usage.lookup).toBeUndefined();
  });

  test('goes without beams', async () => {
    await using model = await openModel(folder, { backend });
    await using chat = model.chat();
    const asked = chat.ask('one', { promptLookup: true, beams: 2 });
    await expect(asked).rejects.toThrow('promptLookup: it reads one answer ahead');
  });
});
