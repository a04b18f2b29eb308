import type { Kernel } from '../../backend/kernel-table.ts';
import type { Activation } from '../../graph/graph.ts';
import { erf } from '../erf.ts';
import { count, type Floats, floats, strides } from '../host.ts';

export const add: Kernel<'add', Floats> = ([a, b]) => combine(a!, b!, (x, y) => x + y);
export const multiply: Kernel<'multiply', Floats> = ([a, b]) => combine(a!, b!, (x, y) => x * y);

export const scale: Kernel<'scale', Floats> = ([x], { factor }) =>
  map(x!, (value) => value * factor);

export const activate: Kernel<'activate', Floats> = ([x], { activation }) =>
  map(x!, activations[activation]);

export const swiglu: Kernel<'swiglu', Floats> = ([gate, up]) =>
  combine(gate!, up!, (g, u) => activations.silu(g) * u);

const activations: Readonly<Record<Activation, (x: number) => number>> = {
  gelu: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  quickGelu: (x) => x / (1 + Math.exp(-1.702 * x)),
  silu: (x) => x / (1 + Math.exp(-x)),
};

function map(x: Floats, of: (value: number) => number): Floats {
  return floats(x.shape, x.data.map(of));
}

function combine(a: Floats, b: Floats, of: (x: number, y: number) => number): Floats {
  const rank = Math.max(a.shape.length, b.shape.length);
  const [left, right] = [padded(a, rank), padded(b, rank)];
  const result = floats(left.map((length, axis) => Math.max(length, right[axis]!)));
  const [leftAt, rightAt] = [reader(left, result.shape), reader(right, result.shape)];
  for (let i = 0; i < result.data.length; i++) {
    result.data[i] = of(a.data[leftAt(i)]!, b.data[rightAt(i)]!);
  }
  return result;
}

function padded({ shape }: Floats, rank: number): number[] {
  return [...new Array<number>(rank - shape.length).fill(1), ...shape];
}

/** Where an operand keeps what the result wants at flat index i; single lengths repeat. */
function reader(shape: readonly number[], result: readonly number[]): (index: number) => number {
  const size = count(shape);
  const suffix = shape.findIndex((length) => length !== 1);
  const repeatsWhole = suffix < 0 || shape.slice(suffix).join() === result.slice(suffix).join();
  if (repeatsWhole) return (index) => index % size;
  const [own, outer] = [strides(shape), strides(result)];
  return (index) =>
    shape.reduce((at, length, axis) => {
      const place = Math.floor(index / outer[axis]!) % result[axis]!;
      return at + (length === 1 ? 0 : place * own[axis]!);
    }, 0);
}
