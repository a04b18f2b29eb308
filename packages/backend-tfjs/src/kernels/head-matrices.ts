/** Products of many small matrices, one a head, in the form each engine is quick at. */
import type { Tensor3D } from '@tensorflow/tfjs';
import type { Place } from '../engines/engine.ts';

/** A matrix for each head: all in one tensor [heads, rows, columns], or a tensor [1, …] for each. */
export type HeadMatrices = readonly Tensor3D[];

/**
 * With fewer rows, one slow batched product on wasm costs no more than a fast one for each head: 8
 * heads of 4 rows by 64 by 1024 take 2.0 ms either way, of 256 rows 130 and 14 ms.
 */
const FEW_ROWS = 8;

/**
 * Whether the engine's quick product takes only one matrix at a time and no transposed one. XNNPACK
 * behind wasm does, and it packs its right side once for as long as that tensor lives.
 */
export function prefersSingleMatrices({ name }: Place): boolean {
  return name === 'wasm';
}

/** a [heads, m, k] · b, a matrix [k, n] for each head → [heads, m, n]. */
export function multiplyHeads(engine: Place, a: Tensor3D, b: HeadMatrices): Tensor3D {
  const { tf } = engine;
  const rows = a.shape[1];
  const apart = prefersSingleMatrices(engine) && rows >= FEW_ROWS ? eachHead(engine, b) : b;
  if (apart.length === 1) return tf.matMul(a, apart[0]!);
  const products = apart.map(
    (matrix, head): Tensor3D => tf.matMul(headsOf(engine, a, head, head + 1), matrix),
  );
  return tf.concat(products, 0);
}

/** The same matrices, a tensor for each head. */
export function eachHead(engine: Place, matrices: HeadMatrices): HeadMatrices {
  const [first] = matrices;
  if (matrices.length > 1 || first!.shape[0] === 1) return matrices;
  return Array.from({ length: first!.shape[0] }, (_, head) =>
    headsOf(engine, first!, head, head + 1),
  );
}

/** The matrices of the heads `from` ≤ head < `to`. */
export function someHeads(
  engine: Place,
  matrices: HeadMatrices,
  from: number,
  to: number,
): HeadMatrices {
  if (matrices.length > 1) return matrices.slice(from, to);
  return [headsOf(engine, matrices[0]!, from, to)];
}

/** Rows of the first axis. */
export function headsOf({ tf }: Place, x: Tensor3D, from: number, to: number): Tensor3D {
  const [heads, rows, columns] = x.shape;
  if (from === 0 && to === heads) return x;
  return tf.slice(x, [from, 0, 0], [to - from, rows, columns]);
}
