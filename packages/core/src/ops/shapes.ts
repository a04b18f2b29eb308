/** Arithmetic on shapes in which some lengths are known only by name. */
import { GraphError } from '../graph/errors.ts';
import type { Dim, Shape, Tensor, Weight } from '../graph/graph.ts';
import { showShape } from '../graph/print-graph.ts';

/** Both as one shape: equal from the end, where a missing or single length repeats. */
export function broadcastShapes(op: string, a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const x = a[axis - rank + a.length] ?? 1;
    const y = b[axis - rank + b.length] ?? 1;
    if (x === y || y === 1) return x;
    if (x === 1) return y;
    throw new GraphError(`${op}: ${showShape(a)} and ${showShape(b)} do not fit each other`);
  });
}

/** A length of two parts; when one has only a name, so has the sum. */
export function addDims(a: Dim, b: Dim): Dim {
  return typeof a === 'number' && typeof b === 'number' ? a + b : `${a}+${b}`;
}

/** A length that must be known when the model is written. */
export function fixed(op: string, shape: Shape, axis: number): number {
  const dim = shape.at(axis);
  if (typeof dim === 'number') return dim;
  throw new GraphError(`${op}: axis ${axis} of ${showShape(shape)} must be a number`);
}

export function requireRank(op: string, { shape }: Tensor, rank: number): void {
  if (shape.length === rank) return;
  throw new GraphError(`${op}: its input must have ${rank} axes, but it is ${showShape(shape)}`);
}

/** A gain, bias or the like: one number for each feature of the last axis. */
export function requireFeatures(op: string, weight: Weight, shape: Shape): void {
  if (weight.shape.length === 1 && weight.shape[0] === shape.at(-1)) return;
  throw new GraphError(
    `${op}: ${weight.name} is ${showShape(weight.shape)}, but its input is ${showShape(shape)}`,
  );
}

/** Product of the known lengths, and the only one that is not known, if any. */
export function countElements(op: string, shape: Shape): { known: number; unknown?: string } {
  const named = shape.filter((dim) => typeof dim === 'string');
  if (named.length > 1) {
    throw new GraphError(`${op}: ${showShape(shape)} has more than one length without a number`);
  }
  const known = shape.reduce<number>((all, dim) => all * (typeof dim === 'number' ? dim : 1), 1);
  return named[0] === undefined ? { known } : { known, unknown: named[0] };
}
