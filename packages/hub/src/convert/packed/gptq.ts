/** The packing of GPTQ: words run along the outputs, eight inputs share one (spec QUANT §6). */
import type { PackedArrays, Unpacked, UnpackShape } from './packed-linear.ts';

/** `qweight` [in / 8, out], `qzeros` [groups, out / 8], which holds each zero point less one. */
export function unpackGptq({ qweight, qzeros }: PackedArrays, shape: UnpackShape): Unpacked {
  return { values: unpackInputs(qweight, shape), zeroPoints: unpackZeros(qzeros, shape) };
}

function unpackInputs(words: Uint32Array, { out, width }: UnpackShape): Uint8Array {
  const numbers = new Uint8Array(out * width);
  for (let row = 0; row < width / 8; row++) {
    for (let output = 0; output < out; output++) {
      const word = words[row * out + output]!;
      for (let i = 0; i < 8; i++) {
        numbers[output * width + 8 * row + i] = (word >>> (4 * i)) & 15;
      }
    }
  }
  return numbers;
}

function unpackZeros(words: Uint32Array, { out, groups }: UnpackShape): Uint8Array {
  const numbers = new Uint8Array(out * groups);
  for (let group = 0; group < groups; group++) {
    for (let output = 0; output < out; output++) {
      const word = words[(group * out + output) >> 3]!;
      numbers[output * groups + group] = ((word >>> (4 * (output % 8))) & 15) + 1;
    }
  }
  return numbers;
}
