import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeGguf, writeGgufVocabulary } from './gguf.ts';

test('a GGUF file has the size that its header promises', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lingbi-gguf-'));
  try {
    const file = join(folder, 'small.gguf');
    const sizes = {
      ...{ vocabularySize: 320, hiddenSize: 64, mlpSize: 128, layers: 2 },
      ...{ heads: 2, kvHeads: 1 },
    };
    writeGguf(file, sizes, 'Q4_0');
    const bytes = readFileSync(file);
    expect(bytes.toString('latin1', 0, 4)).toBe('GGUF');
    expect(bytes.readUInt32LE(4)).toBe(3);
    expect(bytes.readBigUInt64LE(8)).toBe(2n * 9n + 3n); // tensors
    const numbers = 2 * (64 * 64 * 2 + 2 * 64 * 32 + 3 * 64 * 128) + 2 * 320 * 64;
    const data = (numbers / 32) * 18 + 5 * 64 * 4;
    expect(bytes.length - data).toBeGreaterThan(320 * 12); // the header, with every token in it
    expect((bytes.length - data) % 32).toBe(0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a vocabulary keeps its texts, scores and kinds', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lingbi-gguf-'));
  try {
    const file = join(folder, 'vocabulary.gguf');
    const normalizer = {
      ...{ addDummyPrefix: true, removeExtraWhitespaces: false, escapeWhitespaces: true },
    };
    const pieces = [
      { text: '<unk>', score: 0, type: 'unknown' },
      { text: '▁of', score: -1.5, type: 'normal' },
      { text: '<mark>', score: 0, type: 'user-defined' },
    ] as const;
    writeGgufVocabulary(file, { pieces, normalizer, beginId: -1, endId: -1 });
    const bytes = readFileSync(file);
    expect(bytes.readBigUInt64LE(8)).toBe(0n); // tensors
    const texts = valuesOf(bytes, 'tokens').toString();
    for (const { text } of pieces) expect(texts).toContain(text);
    const scores = valuesOf(bytes, 'scores');
    expect([0, 1, 2].map((id) => scores.readFloatLE(4 * id))).toEqual([0, -1.5, 0]);
    const types = valuesOf(bytes, 'token_type');
    expect([0, 1, 2].map((id) => types.readUInt32LE(4 * id))).toEqual([2, 1, 4]);
    expect(bytes[bytes.indexOf('add_space_prefix') + 'add_space_prefix'.length + 4]).toBe(1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** What stands behind the name of a list, its type and that of its items, and its length. */
function valuesOf(bytes: Buffer, list: string): Buffer {
  const key = `tokenizer.ggml.${list}`;
  return bytes.subarray(bytes.indexOf(key) + key.length + 4 + 4 + 8);
}
