/** Decoder layers for long pasts, for what the small sequences of `testBackend` do not reach. */
import {
  add,
  attention,
  type Graph,
  type HostTensor,
  type Inputs,
  lastToken,
  linear,
  type Program,
  rotaryAngles,
  trace,
} from '@lingbi/core';
import { randomFloats } from '@lingbi/core/testing';

const width = 32;
const heads = 4;
const kvHeads = 2;
const headDim = 16;
const rotary = { headDim, theta: 10_000, scaling: { kind: 'none' } } as const;

/** Rows x [tokens, 32] → y [sequences, 32]. */
export function longDecoder(): Graph {
  const angles = { shape: ['tokens', headDim / 2], dtype: 'float32' } as const;
  const inputs = {
    x: { shape: ['tokens', width], dtype: 'float32' },
    cos: angles,
    sin: angles,
  } as const;
  return trace('decode', inputs, ({ x, ...angles }) => {
    for (const layer of [0, 1]) {
      const w = (part: string, ...shape: number[]) => ({ name: `${layer}.${part}`, shape });
      const qkv = linear(x, w('qkv', (heads + 2 * kvHeads) * headDim, width));
      const mixed = attention(qkv, angles, { heads, cache: { layer, kvHeads, headDim } });
      x = add(x, linear(mixed, w('out', width, heads * headDim)));
    }
    return { y: lastToken(x) };
  });
}

/** The rows of an imagined text at the positions `from` … `to`. */
export function textRows(seed: string, from: number, to: number): Inputs {
  const all = randomFloats(seed, [to, width]);
  const rows = to - from;
  const { cos, sin } = rotaryAngles(rotary, from, to, to);
  const table = (data: Float32Array): HostTensor => ({
    dtype: 'float32',
    shape: [rows, headDim / 2],
    data,
  });
  const x = { ...all, shape: [rows, width], data: all.data.slice(from * width) };
  return { x, cos: table(cos), sin: table(sin) };
}

/** Runs `decode` and reads `y`. */
export async function decode(
  program: Program,
  inputs: Inputs,
  options: Parameters<Program['run']>[2],
): Promise<HostTensor> {
  const { y } = await program.run('decode', inputs, options);
  try {
    return await y!.read();
  } finally {
    y![Symbol.dispose]();
  }
}
