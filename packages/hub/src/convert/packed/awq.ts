/** The GEMM packing of AWQ: words run along the inputs, eight outputs share one (spec QUANT §3). */
import type { PackedArrays, Unpacked, UnpackShape } from './packed-linear.ts';

/** Which nibble of a word, the lowest being 0, holds output 8c + j. */
const NIBBLE_OF_OUTPUT = [0, 4, 1, 5, 2, 6, 3, 7] as const;

/** `qweight` [in, out / 8], `qzeros` [groups, out / 8]: nibbles in rows [out, in] and [out, groups]. */
export function unpackAwq({ qweight, qzeros }: PackedArrays, shape: UnpackShape): Unpacked {
  const { out, width, groups } = shape;
  return {
    values: turned(qweight, width, out),
    zeroPoints: turned(qzeros, groups, out),
  };
}

/** [rows, out / 8] of words → [out, rows] of numbers 0 to 15. */
function turned(words: Uint32Array, rows: number, out: number): Uint8Array {
  const columns = out / 8;
  const numbers = new Uint8Array(out * rows);
  for (let column = 0; column < columns; column++) {
    for (let row = 0; row < rows; row++) {
      const word = words[row * columns + column]!;
      for (let j = 0; j < 8; j++) {
        numbers[(8 * column + j) * rows + row] = (word >>> (4 * NIBBLE_OF_OUTPUT[j]!)) & 15;
      }
    }
  }
  return numbers;
}
