/** Over the rows of two matrices of the same shape. */
export interface ColumnSums {
  /** Σ original · packed of each column. */
  readonly products: Float64Array;
  /** Σ original² of each column. */
  readonly squares: Float64Array;
  /** Σ packed² of all. */
  readonly packedSquares: number;
}

/** Both [rows, width]. */
export function sumsOfColumns(
  original: Float32Array,
  packed: Float32Array,
  width: number,
): ColumnSums {
  const products = new Float64Array(width);
  const squares = new Float64Array(width);
  let packedSquares = 0;
  for (let start = 0; start < packed.length; start += width) {
    for (let column = 0; column < width; column++) {
      const [from, to] = [original[start + column]!, packed[start + column]!];
      products[column]! += from * to;
      squares[column]! += from * from;
      packedSquares += to * to;
    }
  }
  return { products, squares, packedSquares };
}
