/** A file of their own, and so a process: what other tests leave behind would hide what these look for. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { randomFloats } from '@lingbi/core/testing';
import { afterAll, describe, expect, test } from 'vitest';
import { onnx } from './backend.ts';
import { missingKernels } from './kernels.ts';
import { imaginedText } from './test-tools/attended-text.ts';
import { type BlockMatrix, productGraph, randomBlocks } from './test-tools/block-product.ts';
import { collectGarbage } from './test-tools/collect-garbage.ts';
import { ownMemory } from './test-tools/own-memory.ts';
import { open, read } from './test-tools/run-attention.ts';
import { compile, multiply } from './test-tools/run-product.ts';
import { inFile } from './test-tools/weights-in-file.ts';

const MiB = 2 ** 20;
const missing = missingKernels();
const folder = mkdtempSync(path.join(tmpdir(), 'lingbi-memory-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** What a task leaves behind when it is done so many times more, once the heap is as large as it needs. */
async function leftBehind(task: () => Promise<void>, times: number): Promise<number> {
  for (let time = 0; time < times / 2; time++) await task();
  const before = ownMemory();
  for (let time = 0; time < times; time++) await task();
  return ownMemory() - before;
}

describe.skipIf(missing)('kernels of ours', () => {
  test('take no memory for weights of a file', async () => {
    const [out, width] = [8192, 16384];
    const encoding = { kind: 'blocks', bits: 4, blockSize: 128, zeroPoints: false } as const;
    const source = inFile(path.join(folder, 'large'), out, width, encoding);
    const graph = productGraph({ out, width, bias: undefined } as BlockMatrix);
    const taken = async (kernels: 'lingbi' | 'onnxruntime') => {
      const before = ownMemory();
      await using program = await onnx({ threads: 1, kernels, largePages: 'never' }).compile(
        { multiply: graph },
        source,
      );
      await multiply(program, randomFloats('x', [1, width]));
      return ownMemory() - before;
    };
    await taken('lingbi');
    expect(await taken('lingbi')).toBeLessThan(16 * MiB); // the matrix has 64
    expect(await taken('onnxruntime')).toBeGreaterThan(32 * MiB); // what this test would see of a copy
  });

  test('give back all memory of a program with it', async () => {
    const square = {
      out: 64,
      width: 4096,
      blockSize: 32,
      zeroPoints: true,
      hasBias: false,
    } as const;
    const matrix = randomBlocks('w', { ...square, bits: 4 });
    const rows = randomFloats('x', [2048, 4096]);
    const left = await leftBehind(async () => {
      await using program = await compile(matrix);
      await multiply(program, rows);
      collectGarbage();
    }, 30);
    expect(left).toBeLessThan(160 * MiB); // rounded rows alone take 11 MiB each time
  });

  test.each(['float32', 'int8'] as const)(
    'give back all memory of attention to %s with its run, and with its program',
    async (kv) => {
      const of = { heads: 8, kvHeads: 2, headDim: 128 };
      const text = imaginedText('text', of, 2001);
      const readTwice = async (times: number) => {
        await using program = await open(of);
        using cache = program.createCache({ kv, capacity: 2001 });
        return await leftBehind(async () => {
          cache.truncate(0);
          await read(program, cache, [{ text, to: 2000 }]);
          await read(program, cache, [{ text, to: 2001 }]);
          collectGarbage();
        }, times);
      };
      expect(await readTwice(30)).toBeLessThan(120 * MiB); // queries take 8 MiB each time, new rows 4
      expect(await leftBehind(async () => void (await readTwice(1)), 20)).toBeLessThan(120 * MiB);
    },
  );
});
