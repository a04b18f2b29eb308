import {
  add,
  type Graph,
  type HostTensor,
  linear,
  type Outputs,
  rmsNorm,
  swiglu,
  type Tensor,
  trace,
  type WeightSource,
} from '@lingbi/core';
import { randomFloats, relativeError } from '@lingbi/core/testing';
import { describe, expect, test, vi } from 'vitest';
import { onnx } from './backend.ts';
import { findGates } from './fuse-gates.ts';
import { findNormedProducts } from './fuse-normed-products.ts';
import { findFusedNorms } from './fuse-norms.ts';
import { missingKernels } from './kernels.ts';
import { ModelWriter } from './model-writer.ts';
import type { BlockWeight, LoadedWeight } from './shared-weights.ts';
import {
  type BlockMatrix,
  type BlockMatrixKind,
  randomBlocks,
} from './test-tools/block-product.ts';

const kind = { out: 70, width: 320, bits: 4, blockSize: 64, zeroPoints: true } as const;
const blockWeight = { kind: 'blocks', bits: 4, blockSize: 64, multiplier: 'lingbi' } as BlockWeight;

/** What a graph is made of: its rows, and what may be done with them. */
interface Parts {
  readonly sum: Tensor;
  readonly norm: Tensor;
  readonly rows: Tensor;
  product(of: Tensor): Tensor;
  biased(of: Tensor): Tensor;
  gated(of: Tensor): Tensor;
}
type Build = (parts: Parts) => Record<string, Tensor>;

function graphOf(build: Build, width: number = kind.width, epsilon = 0): Graph {
  const rows = { shape: ['rows', width], dtype: 'float32' } as const;
  const matrix = (name: string) => ({ name, shape: [kind.out, width] });
  return trace('normed', { x: rows, other: rows }, ({ x, other }) => {
    const sum = add(x, other);
    const norm = rmsNorm(sum, { name: 'gamma', shape: [width] }, epsilon);
    return build({
      ...{ sum, norm, rows: x },
      product: (of) => linear(of, matrix('gate')),
      biased: (of) => linear(of, matrix('gate'), { name: 'bias', shape: [kind.out] }),
      gated: (of) => swiglu(linear(of, matrix('gate')), linear(of, matrix('up'))),
    });
  });
}

function found(build: Build, weightOf: (name: string) => LoadedWeight = () => blockWeight) {
  const graph = graphOf(build);
  const normed = findNormedProducts(
    graph,
    findFusedNorms(graph),
    findGates(graph, weightOf),
    weightOf,
  );
  return [...normed.keys()].map(({ op }) => op);
}

const alone: Build = ({ sum, norm, product }) => ({ y: product(norm), sum });
const biased: Build = ({ sum, norm, biased }) => ({ y: biased(norm), sum });
/** Two products of unlike rows are no gate. */
const half: Build = ({ norm, rows, product }) => ({ y: swiglu(product(norm), product(rows)) });
const gate: Build = ({ sum, norm, gated }) => ({ y: gated(norm), sum });
/** As models go on: what was multiplied comes to the sum. */
const goneOn: Build = ({ sum, norm, gated }) => ({ y: gated(norm), more: add(sum, sum) });

describe('a product adds and normalises its rows by itself', () => {
  test.each([
    ['where nothing else reads them', alone, ['linear']],
    ['also for both products of a gate', gate, ['swiglu']],
    ['where the sum is read later', goneOn, ['swiglu']],
    ['alone where the other one of a gate is of other rows', half, ['linear']],
  ] as const)('%s', (_, build, ops) => {
    expect(found(build)).toEqual(ops);
  });

  test.each<[string, Build]>([
    ['the norm is a result', ({ norm, product }) => ({ y: product(norm), norm })],
    [
      'the norm has another reader',
      ({ norm, product }) => ({ y: add(product(norm), product(norm)) }),
    ],
    ['the rows are no norm', ({ sum, product }) => ({ y: product(sum) })],
    [
      'the sum is read before',
      ({ sum, norm, product }) => {
        const early = add(sum, sum);
        return { y: product(norm), early };
      },
    ],
  ])('but not where %s', (_, build) => {
    expect(found(build)).toEqual([]);
  });

  test('but not where kernels of ours do not multiply', () => {
    const theirs = { ...blockWeight, multiplier: 'onnxruntime' } as const;
    const dense = { kind: 'dense', values: blockWeight.values } as const;
    for (const weight of [theirs, dense]) {
      for (const build of [alone, gate]) expect(found(build, () => weight)).toEqual([]);
    }
  });
});

describe.skipIf(missingKernels())('normed products', () => {
  const kinds = ([4, 8] as const).flatMap((bits) =>
    ([32, 128] as const).flatMap((blockSize) => [
      { what: 'zero points', bits, blockSize },
      { what: 'neither', bits, blockSize, zeroPoints: false, scales: 'float16' as const },
    ]),
  );

  /** The same with the norm as a result, which keeps them apart. */
  const apart =
    (build: Build): Build =>
    (parts) => ({ ...build(parts), norm: parts.norm });

  test('are what models are made of', async () => {
    const written = vi.spyOn(ModelWriter.prototype, 'node');
    const x = randomFloats('x', [3, kind.width]);
    const operators = async (build: Build) => {
      written.mockClear();
      await run(build, { x, other: x }, sourceOf());
      return written.mock.calls.map(([name]) => name).filter((name) => name !== 'Identity');
    };
    expect(await operators(alone)).toEqual(['MultiplyNormed']);
    expect(await operators(gate)).toEqual(['MultiplyGatedNormed']);
    const norm = 'SkipSimplifiedLayerNormalization';
    expect(await operators(apart(alone))).toEqual([norm, 'MultiplyBlocks']);
    expect(await operators(apart(gate))).toEqual([norm, 'MultiplyGated']);
  });

  describe.each(kinds)('of $blockSize numbers of $bits bits with $what', (own) => {
    const width = 3 * own.blockSize;
    const weights = sourceOf({ ...own, width } as Partial<BlockMatrixKind>);

    test.each([1, 2, 8, 9, 24, 25, 60])(
      'have the very bits of a norm and a product: %i rows',
      async (rows) => {
        // Sums are ±1, so that nothing is rounded on the way to their norm.
        const x = randomFloats('x', [rows, width]);
        const halves = x.data.map((each) => Math.round(64 * each) / 64);
        const other = halves.map((each, at) => ((at * 7) % 3 ? 1 : -1) - each);
        const inputs = { x: { ...x, data: halves }, other: { ...x, data: other } };
        for (const build of [alone, biased, gate, goneOn]) {
          const [one, two] = [
            await run(build, inputs, weights),
            await run(apart(build), inputs, weights),
          ];
          for (const name of Object.keys(one)) expect(one[name], name).toEqual(two[name]);
        }
      },
    );

    test.each([1e-20, 1e-2, 1, 1e3])(
      'are near them for any rows: numbers up to %f',
      async (size) => {
        for (const rows of [1, 30]) {
          const shape = [rows, width];
          const inputs = {
            x: randomFloats('x', shape, size),
            other: randomFloats('other', shape, size),
          };
          const one = await run(gate, inputs, weights, 1e-6);
          const two = await run(apart(gate), inputs, weights, 1e-6);
          expect(one['sum']).toEqual(two['sum']);
          expect(relativeError(one['y']!, two['y']!)).toBeLessThan(2e-3); // a step of an activation
        }
      },
    );
  });

  test('of a row that is no number leave others alone, and there may be none', async () => {
    const weights = sourceOf();
    const x = randomFloats('x', [3, kind.width]);
    const clean = await run(alone, { x, other: x }, weights);
    const data = Float32Array.from(x.data);
    data[kind.width + 5] = Number.NaN;
    const strange = await run(alone, { x: { ...x, data }, other: x }, weights);
    const row = (numbers: Float32Array, at: number) =>
      numbers.subarray(at * kind.out, (at + 1) * kind.out);
    expect(row(strange['y']!, 1).every(Number.isNaN)).toBe(true);
    for (const at of [0, 2]) expect(row(strange['y']!, at)).toEqual(row(clean['y']!, at));
    const none = randomFloats('none', [0, kind.width]);
    expect((await run(gate, { x: none, other: none }, weights))['y']).toHaveLength(0);
  });
});

async function run(
  build: Build,
  inputs: Record<'x' | 'other', HostTensor>,
  weights: WeightSource,
  epsilon = 0,
): Promise<Record<string, Float32Array>> {
  const graph = graphOf(build, inputs.x.shape[1]!, epsilon);
  await using program = await onnx({ threads: 2, kernels: 'lingbi' }).compile(
    { normed: graph },
    weights,
  );
  const outputs: Outputs = await program.run('normed', inputs);
  const read = Object.entries(outputs).map(async ([name, tensor]) => {
    const { data } = await tensor.read();
    tensor[Symbol.dispose]();
    return [name, data as Float32Array] as const;
  });
  return Object.fromEntries(await Promise.all(read));
}

/** Matrices in blocks, and gammas that are powers of two. */
function sourceOf(size: Partial<BlockMatrixKind> = {}): WeightSource {
  const of = { ...kind, hasBias: false, ...size };
  const blocks: Record<string, BlockMatrix> = {
    gate: randomBlocks('gate', of),
    up: randomBlocks('up', of),
  };
  const dense: Record<string, Float32Array<ArrayBuffer>> = {
    gamma: Float32Array.from({ length: of.width }, (_, at) => 2 ** ((at % 5) - 2)),
    bias: Float32Array.from({ length: of.out }, (_, at) => at),
  };
  return {
    has: () => true,
    describe(name) {
      const matrix = blocks[name];
      if (matrix) return { shape: [matrix.out, matrix.width], encoding: matrix.encoding };
      return { shape: [dense[name]!.length], encoding: { kind: 'dense', dtype: 'float32' } };
    },
    read: async (name, part = 'values') =>
      blocks[name]?.parts[part] ?? new Uint8Array(dense[name]!.buffer),
  };
}
