import { GraphError } from '../graph/errors.ts';
import type { Tensor, Weight } from '../graph/graph.ts';
import { showShape } from '../graph/print-graph.ts';
import { record } from '../graph/trace.ts';
import { fixed, requireRank } from './shapes.ts';

/** Rows of a table by their numbers: ids […] → […, width]. */
export function embed(ids: Tensor, table: Weight): Tensor {
  requireInt32('embed', ids);
  return record('embed', [ids], { table }, [
    { shape: [...ids.shape, table.shape[1]!], dtype: 'float32' },
  ])[0]!;
}

/** The rows of x [rows, width] that `indices` [n] names, in its order: [n, width]. */
export function takeRows(x: Tensor, indices: Tensor): Tensor {
  requireRank('takeRows', x, 2);
  requireRank('takeRows', indices, 1);
  requireInt32('takeRows', indices);
  return record('takeRows', [x, indices], {}, [{ shape: [indices.shape[0]!, x.shape[1]!] }])[0]!;
}

/** x [rows, width] with row `indices[i]` replaced by row i of `values` [n, width]. */
export function putRows(x: Tensor, indices: Tensor, values: Tensor): Tensor {
  requireRank('putRows', x, 2);
  requireInt32('putRows', indices);
  if (values.shape.join() !== [indices.shape[0], x.shape[1]].join()) {
    throw new GraphError(
      `putRows: ${showShape(indices.shape)} rows of ${showShape(x.shape)} cannot become ${showShape(values.shape)}`,
    );
  }
  return record('putRows', [x, indices, values], {}, [{ shape: x.shape }])[0]!;
}

/** The last row of each sequence of a run, or the last `kept`: [tokens, width] → [sequences, width]. */
export function lastToken(x: Tensor): Tensor {
  requireRank('lastToken', x, 2);
  return record('lastToken', [x], {}, [{ shape: ['sequences', x.shape[1]!] }])[0]!;
}

/**
 * The k largest of each row, largest first; of equal ones the first comes first.
 * x [rows, width] → values [rows, k] and their places, int32 [rows, k].
 */
export function topK(x: Tensor, k: number): { values: Tensor; indices: Tensor } {
  const width = fixed('topK', x.shape, -1);
  if (k < 1 || k > width) throw new GraphError(`topK: there are no ${k} largest of ${width}`);
  const shape = [...x.shape.slice(0, -1), k];
  const [values, indices] = record('topK', [x], { k }, [{ shape }, { shape, dtype: 'int32' }]);
  return { values: values!, indices: indices! };
}

function requireInt32(op: string, { dtype }: Tensor): void {
  if (dtype !== 'int32')
    throw new GraphError(`${op}: row numbers must be int32, but they are ${dtype}`);
}
