import { fileURLToPath } from 'node:url';
import { onnx } from '@lingbi/backend-onnx';
import { tfjs } from '@lingbi/backend-tfjs';
import type { Backend } from '@lingbi/core';
import { openModel } from '@lingbi/tasks';
import { describe, expect, test } from 'vitest';

const folder = fileURLToPath(new URL('../../../fixtures/ixc25-micro', import.meta.url));
const picture = fileURLToPath(new URL('../../../fixtures/pictures/cars1.jpg', import.meta.url));
const backends: readonly Backend[] = [onnx(), tfjs({ engine: 'wasm' })];

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
