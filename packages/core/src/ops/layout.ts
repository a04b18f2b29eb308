import { GraphError } from '../graph/errors.ts';
import type { Shape, Tensor, Weight } from '../graph/graph.ts';
import { showShape } from '../graph/print-graph.ts';
import { record } from '../graph/trace.ts';
import { addDims, countElements } from './shapes.ts';

/** The same numbers in the same order under another shape; one length may stay without a number. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const [from, to] = [countElements('reshape', x.shape), countElements('reshape', shape)];
  const fits =
    from.unknown === undefined && to.unknown === undefined ? from.known === to.known : true;
  if (!fits) {
    throw new GraphError(
      `reshape: ${showShape(x.shape)} holds ${from.known} numbers, ${showShape(shape)} wants ${to.known}`,
    );
  }
  return record('reshape', [x], { shape }, [{ shape }])[0]!;
}

/** Axis i of the result is axis `order[i]` of x. */
export function transpose(x: Tensor, order: readonly number[]): Tensor {
  if ([...order].sort((a, b) => a - b).join() !== x.shape.map((_, axis) => axis).join()) {
    throw new GraphError(
      `transpose: [${order.join(', ')}] is no order of the axes of ${showShape(x.shape)}`,
    );
  }
  const shape = order.map((axis) => x.shape[axis]!);
  return record('transpose', [x], { order }, [{ shape }])[0]!;
}

/** Puts tensors one after the other along `axis`; all other lengths are equal. */
export function concat(parts: readonly (Tensor | Weight)[], axis: number): Tensor {
  const [first, ...others] = parts;
  if (!first) throw new GraphError('concat: there is nothing to put together');
  for (const { shape } of others) {
    if (withoutAxis(shape, axis) === withoutAxis(first.shape, axis)) continue;
    throw new GraphError(
      `concat: ${showShape(first.shape)} and ${showShape(shape)} differ beside axis ${axis}`,
    );
  }
  const length = parts.map(({ shape }) => shape[axis]!).reduce(addDims);
  const shape: Shape = first.shape;
  return record('concat', parts, { axis }, [{ shape: shape.with(axis, length) }])[0]!;
}

/** What stands at `start` ≤ index < `end` of an axis whose length is known. */
export function slice(x: Tensor, axis: number, start: number, end: number): Tensor {
  const length = x.shape[axis];
  if (typeof length !== 'number' || start < 0 || start >= end || end > length) {
    throw new GraphError(
      `slice: ${start}…${end} does not lie in axis ${axis} of ${showShape(x.shape)}`,
    );
  }
  return record('slice', [x], { axis, start, end }, [
    { shape: x.shape.with(axis, end - start) },
  ])[0]!;
}

function withoutAxis(shape: Shape, axis: number): string {
  return shape.toSpliced(axis, 1).join();
}
