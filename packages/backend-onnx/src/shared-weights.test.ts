import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  embed,
  encodeWeight,
  type Graph,
  type HostTensor,
  linear,
  memoryWeights,
  referenceBackend,
  toFloat32,
  trace,
  type Weight,
  type WeightSource,
} from '@lingbi/core';
import { expectClose, noiseWeights, randomFloats } from '@lingbi/core/testing';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { onnx } from './backend.ts';
import { WeightBytesError } from './errors.ts';

const backend = onnx({ threads: 1 });
const folder = mkdtempSync(path.join(tmpdir(), 'lingbi-weights-'));
afterAll(() => rmSync(folder, { recursive: true }));

const [out, width] = [24, 64];
const w = { name: 'w', shape: [out, width] } as const;
const x = { shape: ['rows', width], dtype: 'float32' } as const;
const graph = trace('map', { x }, ({ x }) => ({ y: linear(x, w) }));
const rows = randomFloats('rows', [5, width]);
const numbers = randomFloats('w', [out, width]).data as Float32Array;

describe('byte ranges of files', () => {
  /** The numbers of `w` somewhere inside a file; whoever reads them instead of binding fails. */
  function inFile(name: string, offset: number, cutOff = 0): WeightSource {
    const file = path.join(folder, name);
    const bytes = Buffer.concat([Buffer.alloc(offset, 0x5a), Buffer.from(numbers.buffer)]);
    writeFileSync(file, bytes.subarray(0, bytes.length - cutOff));
    return {
      has: () => true,
      describe: () => ({
        shape: [out, width],
        encoding: { kind: 'dense', dtype: 'float32' },
        at: { values: { file, offset, length: numbers.byteLength } },
      }),
      read: async () => new Uint8Array(numbers.buffer),
    };
  }

  test.skipIf(process.platform === 'win32')('are bound where they stand', async () => {
    const source = { ...inFile('bound', 4100), read: () => Promise.reject(new Error('was read')) };
    expectClose(await runOnce(graph, source), await expected(graph), 1e-5, 'bound');
  });

  test('that begin between two numbers are read instead', async () => {
    const source = inFile('odd', 4101);
    const read = vi.spyOn(source, 'read');
    expectClose(await runOnce(graph, source), await expected(graph), 1e-5, 'odd');
    expect(read).toHaveBeenCalledOnce();
  });

  test.skipIf(process.platform === 'win32')('beyond the end of the file are refused', async () => {
    const compiled = backend.compile({ graph }, inFile('short', 64, 8));
    await expect(compiled).rejects.toThrow(WeightBytesError);
    await expect(backend.compile({ graph }, inFile('short', 64, 8))).rejects.toThrow(
      'Cannot bind w: it ends at byte 6208',
    );
  });
});

test('what is computed of weights alone, before any run, is computed of their true numbers', async () => {
  const square = { name: 'square', shape: [64, 64] } as const;
  const tensor = (id: number) => ({ id, shape: square.shape, dtype: 'float32' }) as const;
  const [x, stored, turned, y] = [tensor(0), tensor(1), tensor(2), tensor(3)];
  const folded: Graph = {
    name: 'folded',
    inputs: { x },
    outputs: { y },
    nodes: [
      { op: 'parameter', inputs: [], outputs: [stored], attributes: { weight: square }, scope: '' },
      {
        op: 'transpose',
        inputs: [stored],
        outputs: [turned],
        attributes: { order: [1, 0] },
        scope: '',
      },
      { op: 'add', inputs: [x, turned], outputs: [y], attributes: {}, scope: '' },
    ],
    weights: [square],
    cache: [],
  };
  const source = noiseWeights([square]);
  const given = randomFloats('given', [64, 64]);
  const found = await runOnce(folded, source, backend, given);
  expectClose(found, await runOnce(folded, source, referenceBackend, given), 1e-5, 'folded');
});

test('a source whose bytes do not fit its description is refused', async () => {
  const source: WeightSource = {
    has: () => true,
    describe: () => ({ shape: [out, width], encoding: { kind: 'dense', dtype: 'float32' } }),
    read: async () => new Uint8Array(16),
  };
  await expect(backend.compile({ graph }, source)).rejects.toThrow(
    'Cannot bind w: [24, 64] takes 6144 bytes, but there are 16',
  );
});

describe.each([
  [4, 'float32'],
  [8, 'float32'],
  [4, 'float16'],
  [8, 'float16'],
] as const)('weights in blocks of %i bits with scales in %s', (bits, dtype) => {
  const blockSize = 32;
  const blocks = width / blockSize;
  const bias: Weight = { name: 'bias', shape: [out] };
  const biased = trace('biased', { x }, ({ x }) => ({ y: linear(x, w, bias) }));

  /** Random blocks, and the plain numbers that they stand for. */
  function quantised(hasZeroPoints: boolean) {
    const values = Uint8Array.from({ length: (out * width * bits) / 8 }, (_, i) => (i * 89) % 251);
    const numbers = (randomFloats('scales', [out, blocks]).data as Float32Array).map(
      (scale) => 0.02 + Math.abs(scale) / 50,
    );
    const stored = encodeWeight(numbers, 1, { kind: 'dense', dtype }).values!;
    const scales = toFloat32(stored, dtype);
    const zeroBytes = Math.ceil((blocks * bits) / 8);
    const zeroPoints = Uint8Array.from({ length: out * zeroBytes }, (_, i) => (i * 37) % 256);
    const plain = new Float32Array(out * width);
    for (const i of plain.keys()) {
      const [row, column] = [Math.floor(i / width), i % width];
      const block = Math.floor(column / blockSize);
      const zero = hasZeroPoints
        ? pick(zeroPoints.subarray(row * zeroBytes), block, bits)
        : 1 << (bits - 1);
      plain[i] = (pick(values, i, bits) - zero) * scales[row * blocks + block]!;
    }
    const parts = { values, scales: stored, zeroPoints };
    const format = { bits, blockSize, zeroPoints: hasZeroPoints };
    const source: WeightSource = {
      has: () => true,
      describe: ({ length }) =>
        length === 1
          ? {
              shape: [out, width],
              encoding: {
                kind: 'blocks',
                ...format,
                ...(dtype === 'float16' && { scales: dtype }),
              },
            }
          : { shape: [out], encoding: { kind: 'dense', dtype: 'float32' } },
      async read(name, part = 'values') {
        if (name === 'bias') return new Uint8Array(biasNumbers.buffer);
        return parts[part];
      },
    };
    return { source, plain };
  }
  const biasNumbers = randomFloats('bias', [out]).data as Float32Array;

  test.each([false, true])('multiply as their plain numbers (zero points: %s)', async (zeros) => {
    const { source, plain } = quantised(zeros);
    const dense = memoryWeights(
      new Map([
        ['w', { shape: [out, width], data: plain }],
        ['bias', { shape: [out], data: biasNumbers }],
      ]),
    );
    const wanted = await runOnce(biased, dense);
    const exact = onnx({ threads: 1, accuracyLevel: 1 });
    expectClose(await runOnce(biased, source, exact), wanted, 1e-5, 'in float32');
    expectClose(await runOnce(biased, source), wanted, 1e-2, 'activations in int8');
    const theirs = onnx({ threads: 1, kernels: 'onnxruntime' });
    expectClose(await runOnce(biased, source, theirs), wanted, 1e-2, 'by ONNX Runtime');
    const read = await runOnce(biased, source, referenceBackend);
    expectClose(read, wanted, 1e-5, 'by the reference');
  });

  test('whose scales are cut off are refused', async () => {
    const { source } = quantised(false);
    const cut: WeightSource = {
      ...source,
      read: async (name, part) => {
        const bytes = await source.read(name, part);
        return part === 'scales' ? bytes.subarray(0, -2) : bytes;
      },
    };
    for (const kernels of [{}, { kernels: 'onnxruntime' }] as const) {
      const compiled = onnx({ threads: 1, ...kernels }).compile({ biased }, cut);
      await expect(compiled).rejects.toThrow(/Cannot bind w \(scales\): \[24, 2\] takes/);
    }
  });
});

describe('weights in channels of int8', () => {
  const values = Int8Array.from({ length: out * width }, (_, i) => ((i * 89) % 255) - 127);
  const scales = Float32Array.from({ length: out }, (_, row) => 0.001 * (1 + (row % 5)));
  const parts = { values: new Uint8Array(values.buffer), scales: new Uint8Array(scales.buffer) };
  const source: WeightSource = {
    has: () => true,
    describe: () => ({ shape: [out, width], encoding: { kind: 'channels' } }),
    read: async (_, part = 'values') => parts[part as keyof typeof parts],
  };
  const plain = numbers.map((_, i) => {
    const [row, column] = [Math.floor(i / width), i % width];
    return values[column * out + row]! * scales[row]!;
  });
  const dense = memoryWeights(new Map([['w', { shape: [out, width], data: plain }]]));

  test('multiply as their plain numbers', async () => {
    const wanted = await runOnce(graph, dense);
    const exact = onnx({ threads: 1, accuracyLevel: 1 });
    expectClose(await runOnce(graph, source, exact), wanted, 1e-5, 'in float32');
    const rounded = await runOnce(graph, source);
    expectClose(rounded, wanted, 1e-2, 'activations in int8');
    expect(rounded.data).not.toEqual(wanted.data);
  });
});

describe.each([
  ['float16', [0x3c00, 0xb800, 0x4200, 0x0000]], // 1, −0.5, 3, 0
  ['bfloat16', [0x3f80, 0xbf00, 0x4040, 0x0000]],
] as const)('a table of %s', (dtype, bits) => {
  const shape = [2, 2] as const;
  const table = { name: 'table', shape };
  const lookUp = trace('look up', { ids: { shape: ['ids'], dtype: 'int32' } }, ({ ids }) => ({
    y: embed(ids, table),
  }));
  const file = path.join(folder, dtype);
  writeFileSync(file, new Uint8Array(Uint16Array.from(bits).buffer));
  const source: WeightSource = {
    has: () => true,
    describe: () => ({
      shape,
      encoding: { kind: 'dense', dtype },
      at: { values: { file, offset: 0, length: 8 } },
    }),
    read: async () => new Uint8Array(Uint16Array.from(bits).buffer),
  };

  test.skipIf(process.platform === 'win32')('is looked up where it stands', async () => {
    const unread = { ...source, read: () => Promise.reject(new Error('was read')) };
    const ids = { dtype: 'int32', shape: [3], data: Int32Array.of(1, 0, 1) } as const;
    await using program = await backend.compile({ lookUp }, unread);
    const { y } = await program.run('lookUp', { ids });
    expect([...(await y!.read()).data]).toEqual([3, 0, 1, -0.5, 3, 0]);
  });

  test('is widened when something else multiplies it', async () => {
    const square = trace('map', { x: { shape: ['rows', 2], dtype: 'float32' } }, ({ x }) => ({
      y: linear(x, table),
    }));
    const given = { dtype: 'float32', shape: [1, 2], data: Float32Array.of(10, 2) } as const;
    await using program = await backend.compile({ lookUp, square }, source);
    const { y } = await program.run('square', { x: given });
    expect([...(await y!.read()).data]).toEqual([9, 30]);
  });
});

function pick(bytes: Uint8Array, index: number, bits: 4 | 8): number {
  if (bits === 8) return bytes[index]!;
  const byte = bytes[index >> 1]!;
  return index % 2 === 0 ? byte & 15 : byte >> 4;
}

async function runOnce(
  graph: Graph,
  source: WeightSource,
  chosen = backend,
  x = rows,
): Promise<HostTensor> {
  await using program = await chosen.compile({ graph }, source);
  const { y } = await program.run('graph', { x });
  return await y!.read();
}

function expected(graph: Graph): Promise<HostTensor> {
  const source = memoryWeights(new Map([['w', { shape: [out, width], data: numbers }]]));
  return runOnce(graph, source, referenceBackend);
}
