/** How much a decoder reads and computes, to say what share of the machine is used. */
import type { CheckpointSizes } from '@lingbi/core';
import type { Encoding } from './contenders/weights.ts';

/** Numbers of all matrices that a token passes through; the last one only where logits are wanted. */
function countNumbers(sizes: CheckpointSizes): { readonly layers: number; readonly head: number } {
  const { hiddenSize, heads, kvHeads, mlpSize, layers, vocabularySize } = sizes;
  const headDim = hiddenSize / heads;
  const attention = hiddenSize * (heads + 2 * kvHeads) * headDim + hiddenSize ** 2;
  return {
    layers: layers * (attention + 3 * hiddenSize * mlpSize),
    head: vocabularySize * hiddenSize,
  };
}

/** Bytes that one token reads: matrices as their file holds them, keys and values in float16 beside blocks. */
export function bytesPerToken(sizes: CheckpointSizes, encoding: Encoding, context: number): number {
  const { hiddenSize, heads, kvHeads, layers } = sizes;
  const numbers = countNumbers(sizes);
  const pasts =
    2 * layers * kvHeads * (hiddenSize / heads) * (encoding === 'f32' ? 4 : 2) * context;
  return (numbers.layers + numbers.head) * bytesPerNumber(encoding) + pasts;
}

/** A block has a float16 scale, and in 4 bits a zero point of 4 bits. */
function bytesPerNumber(encoding: Encoding): number {
  if (encoding === 'f32') return 4;
  const [bits, block] = encoding.slice(3).split('-').map(Number) as [number, number];
  return bits / 8 + (bits === 4 ? 2.5 : 2) / block;
}

/** Operations of a prompt's matrices: two for each number and token, attention aside. */
export function operationsOf(sizes: CheckpointSizes, tokens: number): number {
  return 2 * countNumbers(sizes).layers * tokens;
}
