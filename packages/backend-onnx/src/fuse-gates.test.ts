import {
  add,
  type Graph,
  type HostTensor,
  linear,
  type Outputs,
  swiglu,
  type Tensor,
  trace,
  type Weight,
  type WeightSource,
} from '@lingbi/core';
import { randomFloats } from '@lingbi/core/testing';
import { describe, expect, test } from 'vitest';
import { onnx } from './backend.ts';
import { findGates } from './fuse-gates.ts';
import { missingKernels } from './kernels.ts';
import type { BlockWeight } from './shared-weights.ts';
import {
  type BlockMatrix,
  type BlockMatrixKind,
  exactProduct,
  type Product,
  randomBlocks,
} from './test-tools/block-product.ts';

const kind = {
  out: 70,
  width: 320,
  bits: 4,
  blockSize: 64,
  zeroPoints: true,
  hasBias: false,
} as const;
const kinds = [4, 8].flatMap((bits) =>
  [32, 64, 128].flatMap((blockSize) => [
    { what: 'float32', bits, blockSize },
    { what: 'float16', bits, blockSize, scales: 'float16' as const },
  ]),
) as (BlockMatrixKind & { readonly what: string })[];

/** The products of a graph. */
interface Products {
  readonly x: Tensor;
  readonly other: Tensor;
  gate(from?: Tensor): Tensor;
  up(from?: Tensor): Tensor;
}

type Build = (products: Products) => Record<string, Tensor>;
const gated: Build = ({ gate, up }) => ({ y: swiglu(gate(), up()) });

/** What keeps a gate's products by themselves. */
interface Apart {
  readonly what: string;
  readonly build: Build;
  readonly up?: Partial<BlockMatrixKind>;
  /** What is let pass, if it is not the rows times `up`. */
  readonly second?: Second;
}
type Second = (given: Matrices, x: HostTensor, other: HostTensor) => Product;

const timesUp: Second = ({ up }, x) => exactProduct(up, x);
const apart: readonly Apart[] = [
  { what: 'a product that is a result', build: ({ gate, up }) => withResult(gate(), up()) },
  { what: 'a product with another reader', build: ({ gate, up }) => withReader(gate(), up()) },
  {
    what: 'a product that is its own gate',
    build: ({ gate }) => ownGate(gate()),
    second: ({ gate }, x) => exactProduct(gate, x),
  },
  {
    what: 'products of other rows',
    build: ({ gate, up, other }) => ({ y: swiglu(gate(), up(other)) }),
    second: ({ up }, _, other) => exactProduct(up, other),
  },
  { what: 'a bias', build: gated, up: { hasBias: true } },
  { what: 'blocks of another size', build: gated, up: { blockSize: 32 } },
  { what: 'blocks of other bits', build: gated, up: { bits: 8 } },
];

const withResult = (gate: Tensor, up: Tensor) => ({ y: swiglu(gate, up), up });
const withReader = (gate: Tensor, up: Tensor) => ({ y: swiglu(gate, up), more: add(gate, gate) });
const ownGate = (gate: Tensor) => ({ y: swiglu(gate, gate) });

describe('a gate and what it lets pass', () => {
  test('become one where nobody else reads its products', () => {
    const graph = graphOf(gated, matrices());
    const [gate, up, mixed] = graph.nodes;
    expect([...findGates(graph, weightOf)]).toEqual([[mixed, { gate, up }]]);
  });

  test('become one when both multiply by the same weight', () => {
    const twice: Build = ({ gate }) => ({ y: swiglu(gate(), gate()) });
    expect(findGates(graphOf(twice, matrices()), weightOf).size).toBe(1);
  });

  test.each(apart)('stay apart for $what', ({ build, up = {} }) => {
    const given = matrices({}, up);
    const loaded = (name: string): BlockWeight => {
      const { bits, blockSize } = given[name as keyof Matrices].encoding;
      return { ...weightOf(), bits: bits as 4 | 8, blockSize };
    };
    expect(findGates(graphOf(build, given), loaded).size).toBe(0);
  });

  test('stay apart where kernels of ours do not multiply both', () => {
    const graph = graphOf(gated, matrices());
    const theirs = { ...weightOf(), multiplier: 'onnxruntime' } as const;
    const dense = { kind: 'dense', values: theirs.values } as const;
    const channels = { ...theirs, kind: 'channels' } as const;
    for (const each of [theirs, dense, channels]) {
      expect(findGates(graph, () => each).size).toBe(0);
      expect(findGates(graph, (name) => (name === 'up' ? each : weightOf())).size).toBe(0);
    }
  });
});

const missing = missingKernels();
/** Steps of numbers next to 0, in float32. */
const SMALLEST = 2 ** -126;

describe.skipIf(missing)('gated products', () => {
  describe.each(kinds)('of $blockSize numbers of $bits bits, scales in $what', (own) => {
    test.each([
      [true, true],
      [true, false],
      [false, true],
      [false, false],
    ])('are silu of one product times the other (zero points: %s, %s)', async (first, second) => {
      const size = { ...own, width: 3 * own.blockSize };
      const given = matrices({ ...size, zeroPoints: first }, { ...size, zeroPoints: second });
      for (const rows of [1, 7, 24, 25, 60]) await expectGated(gated, given, rows);
    });
  });

  test('are right where only one of them has scales in float16', async () => {
    const half = { scales: 'float16' } as const;
    for (const rows of [3, 30]) {
      await expectGated(gated, matrices(half), rows);
      await expectGated(gated, matrices({}, half), rows);
    }
  });

  test('are right for a matrix of many pieces', async () => {
    const size = { out: 1051, width: 1024 };
    for (const rows of [2, 26]) await expectGated(gated, matrices(size, size), rows);
  });

  test.each([1e-30, 1e-2, 1, 30, 1e4])('are right for rows of numbers up to %f', async (size) => {
    for (const rows of [3, 30]) await expectGated(gated, matrices(), rows, size);
  });

  test.each(apart)('are right where they stay apart for $what', async (one) => {
    const given = matrices({}, one.up);
    for (const rows of [3, 30]) await expectGated(one.build, given, rows, 1, one.second);
  });

  test.each([2, 30])('of a row that is no number leave the other %i alone', async (rows) => {
    const given = matrices();
    await using program = await compile(gated, given);
    const x = randomFloats('x', [rows + 1, kind.width]);
    const clean = await numbersOf(program.run('gated', { x, other: x }));
    const data = Float32Array.from(x.data);
    data[kind.width + 5] = Number.NaN;
    const found = await numbersOf(program.run('gated', { x: { ...x, data }, other: x }));
    const row = (numbers: Float32Array, at: number) =>
      numbers.subarray(at * kind.out, (at + 1) * kind.out);
    expect(row(found, 1).every(Number.isNaN)).toBe(true);
    for (const at of [0, 2, rows]) expect(row(found, at)).toEqual(row(clean, at));
  });

  test('of no rows are none', async () => {
    await using program = await compile(gated, matrices());
    const none = randomFloats('none', [0, kind.width]);
    expect(await numbersOf(program.run('gated', { x: none, other: none }))).toHaveLength(0);
  });
});

interface Matrices {
  readonly gate: BlockMatrix;
  readonly up: BlockMatrix;
}

function matrices(
  gate: Partial<BlockMatrixKind> = {},
  up: Partial<BlockMatrixKind> = {},
): Matrices {
  return {
    gate: randomBlocks('gate', { ...kind, ...gate }),
    up: randomBlocks('up', { ...kind, ...up }),
  };
}

function graphOf(build: Build, { gate, up }: Matrices): Graph {
  const x = { shape: ['rows', gate.width], dtype: 'float32' } as const;
  const weightOf = (name: string, { out, width }: BlockMatrix) => ({ name, shape: [out, width] });
  const bias: Weight | undefined = up.bias && { name: 'bias', shape: [up.out] };
  return trace('gated', { x, other: x }, ({ x, other }) =>
    build({
      ...{ x, other },
      gate: (from = x) => linear(from, weightOf('gate', gate)),
      up: (from = x) => linear(from, weightOf('up', up), bias),
    }),
  );
}

function compile(build: Build, given: Matrices) {
  const backend = onnx({ threads: 2, kernels: 'lingbi' });
  return backend.compile({ gated: graphOf(build, given) }, sourceOf(given));
}

function sourceOf({ gate, up }: Matrices): WeightSource {
  const blocks: Record<string, BlockMatrix> = { gate, up };
  return {
    has: () => true,
    describe(name) {
      const matrix = blocks[name];
      if (!matrix) return { shape: [up.out], encoding: { kind: 'dense', dtype: 'float32' } };
      return { shape: [matrix.out, matrix.width], encoding: matrix.encoding };
    },
    read: async (name, part = 'values') =>
      blocks[name]?.parts[part] ?? new Uint8Array(up.bias!.buffer),
  };
}

function weightOf(): BlockWeight {
  const parameter = { name: 'parameter' } as BlockWeight['values'];
  const parts = { values: parameter, scales: parameter, zeroPoints: parameter };
  return { kind: 'blocks', bits: 4, blockSize: 64, multiplier: 'lingbi', ...parts };
}

async function numbersOf(running: Promise<Outputs>): Promise<Float32Array> {
  const { y } = await running;
  using held = y!;
  return (await held.read()).data as Float32Array;
}

async function expectGated(
  build: Build,
  given: Matrices,
  rows: number,
  size = 1,
  second = timesUp,
): Promise<void> {
  await using program = await compile(build, given);
  const x = randomFloats('x', [rows, given.gate.width], size);
  const other = randomFloats('other', [rows, given.gate.width], size);
  const found = await numbersOf(program.run('gated', { x, other }));
  const { numbers, errors } = exactlyGated(exactProduct(given.gate, x), second(given, x, other));
  expect(found).toHaveLength(numbers.length);
  const shares = Array.from(found, (each, i) => {
    return each === numbers[i] ? 0 : Math.abs(each - numbers[i]!) / errors[i]!;
  });
  expect(shares.filter((share) => !(share <= 1))).toEqual([]);
}

/** In float64; no slope of silu is steeper than 1.1. */
function exactlyGated(gate: Product, up: Product): Product {
  const numbers = gate.numbers.map((each, i) => silu(each) * up.numbers[i]!);
  const errors = numbers.map((each, i) => {
    const [ofGate, ofUp] = [1.1 * gate.errors[i]!, up.errors[i]!];
    const [passed, size] = [Math.abs(silu(gate.numbers[i]!)), Math.abs(up.numbers[i]!) + ofUp];
    return ofGate * size + passed * ofUp + Math.abs(each) * 2 ** -20 + SMALLEST;
  });
  return { numbers, errors };
}

function silu(x: number): number {
  return x / (1 + Math.exp(-x));
}
