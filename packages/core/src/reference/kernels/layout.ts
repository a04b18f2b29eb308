import type { HostTensor } from '../../backend/backend.ts';
import type { Kernel } from '../../backend/kernel-table.ts';
import { count, emptyLike, strides } from '../host.ts';

export const reshape: Kernel<'reshape', HostTensor> = ([x], { shape }) => {
  const known = shape.filter((dim) => typeof dim === 'number');
  const inferred = x!.data.length / count(known);
  const settled = shape.map((dim) => (typeof dim === 'number' ? dim : inferred));
  return { dtype: x!.dtype, shape: settled, data: x!.data.slice() };
};

export const transpose: Kernel<'transpose', HostTensor> = ([x], { order }) => {
  const result = emptyLike(
    x!,
    order.map((axis) => x!.shape[axis]!),
  );
  const from = strides(x!.shape);
  const to = strides(result.shape);
  for (let i = 0; i < result.data.length; i++) {
    let at = 0;
    for (const [axis, source] of order.entries()) {
      at += (Math.floor(i / to[axis]!) % result.shape[axis]!) * from[source]!;
    }
    result.data[i] = x!.data[at]!;
  }
  return result;
};

export const concat: Kernel<'concat', HostTensor> = (parts, { axis }) => {
  const length = parts.reduce((sum, { shape }) => sum + shape[axis]!, 0);
  const result = emptyLike(parts[0]!, parts[0]!.shape.with(axis, length));
  const block = count(result.shape.slice(axis));
  let start = 0;
  for (const { shape, data } of parts) {
    const own = count(shape.slice(axis));
    for (let outer = 0; outer * own < data.length; outer++) {
      result.data.set(data.subarray(outer * own, (outer + 1) * own), outer * block + start);
    }
    start += own;
  }
  return result;
};

export const slice: Kernel<'slice', HostTensor> = ([x], { axis, start, end }) => {
  const result = emptyLike(x!, x!.shape.with(axis, end - start));
  const inner = count(x!.shape.slice(axis + 1));
  const [from, to] = [x!.shape[axis]! * inner, (end - start) * inner];
  for (let outer = 0; outer * to < result.data.length; outer++) {
    const at = outer * from + start * inner;
    result.data.set(x!.data.subarray(at, at + to), outer * to);
  }
  return result;
};
