/** A decoder of a few thousand parameters: enough to show that caches, slots and segments are right. */
import type { HostTensor, Inputs, Outputs, Program, RunOptions } from '../backend/backend.ts';
import type { Graph, Weight } from '../graph/graph.ts';
import { trace } from '../graph/trace.ts';
import { rotaryAngles } from '../models/internlm2/rotary.ts';
import { add, attention, lastToken, linear, rmsNorm, swiglu } from '../ops/index.ts';
import { randomFloats } from './noise.ts';

const hidden = 32;
const heads = 4;
const kvHeads = 2;
const headDim = 16;
const layers = 2;
const rotary = { headDim, theta: 10_000, scaling: { kind: 'none' } } as const;

/** Rows x [tokens, 32] → `y` [sequences, 32]; `bias` makes a second graph over the same layers. */
export function smallDecoder(name: string, last = 'last'): Graph {
  const angles = { shape: ['tokens', headDim / 2], dtype: 'float32' } as const;
  const inputs = {
    x: { shape: ['tokens', hidden], dtype: 'float32' },
    cos: angles,
    sin: angles,
  } as const;
  return trace(name, inputs, ({ x, ...angles }) => {
    for (let layer = 0; layer < layers; layer++) {
      const at = (part: string, ...shape: number[]): Weight => ({
        name: `${layer}.${part}`,
        shape,
      });
      const qkv = linear(
        rmsNorm(x, at('norm', hidden), 1e-5),
        at('qkv', (heads + 2 * kvHeads) * headDim, hidden),
      );
      const cache = { layer, kvHeads, headDim };
      const attended = linear(
        attention(qkv, angles, { heads, cache }),
        at('out', hidden, heads * headDim),
      );
      const mixed = rmsNorm(add(x, attended), at('mlpNorm', hidden), 1e-5);
      const gated = swiglu(
        linear(mixed, at('gate', 48, hidden)),
        linear(mixed, at('up', 48, hidden)),
      );
      x = add(add(x, attended), linear(gated, at('down', hidden, 48)));
    }
    return { y: linear(lastToken(x), { name: last, shape: [hidden, hidden] }) };
  });
}

/** Rows of an imagined prompt: the same seed gives the same rows. */
export function promptRows(seed: string, tokens: number): HostTensor {
  return randomFloats(seed, [tokens, hidden]);
}

export function rowsOf(x: HostTensor, from: number, to: number): HostTensor {
  const width = x.shape[1]!;
  return { ...x, shape: [to - from, width], data: x.data.slice(from * width, to * width) };
}

/** Inputs for rows that stand at the given positions. */
export function decoderInputs(x: HostTensor, positions: readonly number[]): Inputs {
  const angles = positions.map((position) =>
    rotaryAngles(rotary, position, position + 1, position + 1),
  );
  const table = (part: 'cos' | 'sin'): HostTensor => ({
    dtype: 'float32',
    shape: [positions.length, headDim / 2],
    data: Float32Array.from(angles.flatMap((angle) => [...angle[part]])),
  });
  return { x, cos: table('cos'), sin: table('sin') };
}

export function upFrom(start: number, length: number): number[] {
  return Array.from({ length }, (_, index) => start + index);
}

/** Runs and reads the only output. */
export async function decode(
  program: Program,
  graph: string,
  inputs: Inputs,
  options: RunOptions,
): Promise<HostTensor> {
  return readOutput(await program.run(graph, inputs, options), 'y');
}

export async function readOutput(outputs: Outputs, name: string): Promise<HostTensor> {
  try {
    return await outputs[name]!.read();
  } finally {
    for (const output of Object.values(outputs)) output[Symbol.dispose]();
  }
}
