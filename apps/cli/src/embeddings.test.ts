import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { onnx } from '@lingbi/backend-onnx';
import { tfjs } from '@lingbi/backend-tfjs';
import {
  type Backend,
  openCheckpoint,
  type PromptEmbedding,
  referenceBackend,
  relativeError,
  toFloat32,
} from '@lingbi/core';
import { openModel } from '@lingbi/tasks';
import { describe, expect, test } from 'vitest';

const fixture = (path: string) =>
  fileURLToPath(new URL(`../../../fixtures/${path}`, import.meta.url));
const backends: readonly Backend[] = [referenceBackend, onnx(), tfjs({ engine: 'wasm' })];

/** What the reference has after the final norm, of the last position of a prompt. */
async function recorded(name: string) {
  const { inputs } = JSON.parse(readFileSync(fixture(`goldens/cases/${name}.json`), 'utf8'));
  await using tensors = await openCheckpoint(fixture(`goldens/cases/${name}.safetensors`));
  const bytes = await tensors.read('hidden.final_norm');
  return {
    query: inputs.query,
    hidden: toFloat32(bytes, tensors.describe('hidden.final_norm').dtype),
  };
}

const rowsOf = ({ rows }: PromptEmbedding, from: number, to: number) =>
  (rows.data as Float32Array).subarray(from * rows.shape[1]!, to * rows.shape[1]!);

describe.each(backends)('embeddings on $name', (backend) => {
  test.each(['text-01', 'zh-01'])(
    'of the last position are those of the reference: %s',
    async (name) => {
      await using model = await openModel(fixture('ixc25-micro'), { backend });
      await using chat = model.chat();
      const { query, hidden } = await recorded(name);
      const { last, rows } = await chat.embed(query);
      expect(relativeError(last, hidden)).toBeLessThan(1e-4);
      expect(rowsOf({ last, rows }, rows.shape[0]! - 1, rows.shape[0]!)).toEqual(last);
    },
  );

  test('depend on what comes before, and on nothing after', async () => {
    await using model = await openModel(fixture('ixc25-micro'), { backend });
    const ids = Int32Array.from({ length: 12 }, (_, i) => 300 + 17 * i);
    const of = (...parts: Int32Array[]) =>
      model.xcomposer.embedPrompt(parts.map((part) => ({ type: 'text', ids: part })));
    const whole = await of(ids);
    expect(whole.rows.shape).toEqual([12, 64]);
    const start = await of(ids.subarray(0, 7));
    expect(relativeError(rowsOf(start, 0, 7), rowsOf(whole, 0, 7))).toBeLessThan(1e-5);
    const other = await of(Int32Array.of(5), ids.subarray(1));
    expect(relativeError(rowsOf(other, 11, 12), rowsOf(whole, 11, 12))).toBeGreaterThan(1e-3);
    const web = await model.xcomposer.embedPrompt([{ type: 'text', ids }], { adapter: 'web' });
    expect(relativeError(web.last, whole.last)).toBeGreaterThan(1e-3);
  });

  test('of a picture take a row for each of its positions', async () => {
    await using model = await openModel(fixture('ixc25-micro'), { backend });
    await using chat = model.chat({ hdNum: 1 });
    const pixels = { width: 8, height: 8, channels: 3, data: new Uint8Array(192) } as const;
    const text = await chat.embed('What is it?');
    const shown = await chat.embed('What is it?', { images: [pixels] });
    expect(shown.rows.shape[0]! - text.rows.shape[0]!).toBe(841);
    expect(chat.history).toEqual([]);
  });
});
