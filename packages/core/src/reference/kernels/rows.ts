import type { HostTensor } from '../../backend/backend.ts';
import { keptRows } from '../../backend/kept-rows.ts';
import type { Kernel } from '../../backend/kernel-table.ts';
import { emptyLike, type Floats, floats, rowCount, width } from '../host.ts';

export const embed: Kernel<'embed', HostTensor> = ([ids], { table }, { weight }) =>
  pickRows(weight(table), ids!);

export const takeRows: Kernel<'takeRows', HostTensor> = ([x, indices]) => pickRows(x!, indices!);

export const putRows: Kernel<'putRows', Floats> = ([x, indices, values]) => {
  const result = floats(x!.shape, x!.data.slice());
  for (let i = 0; i < indices!.data.length; i++) {
    const row = requireRow(x!, indices!.data[i]!);
    result.data.set(rowOf(values!, i), row * width(x!));
  }
  return result;
};

export const lastToken: Kernel<'lastToken', Floats> = ([x], _, { segments }) => {
  const rows = keptRows(segments);
  const result = floats([rows.length, width(x!)]);
  for (const [place, row] of rows.entries()) result.data.set(rowOf(x!, row), place * width(x!));
  return result;
};

export const topK: Kernel<'topK', HostTensor> = ([x], { k }) => {
  const shape = [...x!.shape.slice(0, -1), k];
  const values = emptyLike(x!, shape);
  const indices = emptyLike({ ...x!, dtype: 'int32' }, shape);
  for (let row = 0; row < rowCount(x!); row++) {
    const numbers = rowOf(x!, row);
    const order = Array.from(numbers.keys()).sort((a, b) => numbers[b]! - numbers[a]! || a - b);
    for (let i = 0; i < k; i++) {
      indices.data[row * k + i] = order[i]!;
      values.data[row * k + i] = numbers[order[i]!]!;
    }
  }
  return [values, indices];
};

function pickRows(table: HostTensor, { shape, data }: HostTensor): HostTensor {
  const result = emptyLike(table, [...shape, width(table)]);
  for (let i = 0; i < data.length; i++) {
    result.data.set(rowOf(table, requireRow(table, data[i]!)), i * width(table));
  }
  return result;
}

function rowOf(x: HostTensor, row: number): HostTensor['data'] {
  return x.data.subarray(row * width(x), (row + 1) * width(x));
}

function requireRow(x: HostTensor, row: number): number {
  if (row >= 0 && row < rowCount(x)) return row;
  throw new RangeError(`There is no row ${row}: the table has ${rowCount(x)}`);
}
