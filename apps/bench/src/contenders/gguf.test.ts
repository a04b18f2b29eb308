import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeGguf } from './gguf.ts';

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
