/** A file of its own, and so a process: registers in a wrong shape end it. */
import { linear, trace, type WeightSource } from '@lingbi/core';
import { randomFloats } from '@lingbi/core/testing';
import { afterAll, describe, expect, test } from 'vitest';
import { onnx } from './backend.ts';
import { allowAmx, missingKernels } from './kernels.ts';
import { loadRuntime } from './library.ts';
import { randomBlocks } from './test-tools/block-product.ts';

const library = () => loadRuntime().kernels().library;
const hasAmx = !missingKernels() && allowAmx(library(), true);
afterAll(() => void (hasAmx && allowAmx(library(), true)));

const width = 256;
const shape = [width, width] as const;

/** Weights whose names begin with a c are channels, which ONNX Runtime multiplies; others are blocks. */
function sourceOf(bits: 4 | 8, blockSize: number): WeightSource {
  const kind = { out: width, width, bits, blockSize, zeroPoints: true, hasBias: false };
  const { encoding, parts } = randomBlocks('w', kind);
  const values = Uint8Array.from({ length: width * width }, (_, at) => (at * 89) % 255);
  const scales = new Uint8Array(new Float32Array(width).fill(1e-3).buffer);
  return {
    has: () => true,
    describe: (name) => ({
      shape,
      encoding: name.startsWith('c') ? { kind: 'channels' } : encoding,
    }),
    read: async (name, part = 'values') =>
      name.startsWith('c') ? { values, scales }[part as 'values' | 'scales'] : parts[part],
  };
}

describe.skipIf(!hasAmx)("products with AMX, ours and ONNX Runtime's in turn", () => {
  const names = ['channels', 'blocks', 'channels again', 'blocks again'];
  const graph = trace('in turn', { x: { shape: ['rows', width], dtype: 'float32' } }, ({ x }) => ({
    y: names.reduce((rows, name) => linear(rows, { name, shape }), x),
  }));

  test.each([
    [4, 32],
    [4, 64],
    [8, 64],
    [8, 128],
  ] as const)(
    'find their registers in their own shapes: %i bits in blocks of %i',
    async (bits, blockSize) => {
      await using program = await onnx({ threads: 2 }).compile(
        { run: graph },
        sourceOf(bits, blockSize),
      );
      const run = async (rows: number, isAmx: boolean) => {
        allowAmx(library(), isAmx);
        const x = randomFloats(`${rows}`, [rows, width]);
        const { y } = await program.run('run', { x });
        using held = y!;
        return (await held.read()).data;
      };
      for (const rows of [33, 40, 52, 64, 100]) {
        expect(await run(rows, true)).toEqual(await run(rows, false));
      }
    },
  );
});
