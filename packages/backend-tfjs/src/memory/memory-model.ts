import { liveBytes, type MemoryModel, type Node, type RunSize } from '@lingbi/core';
import type { EngineName } from '../engines/engine.ts';
import type { WeightFormat } from '../weights/format.ts';
import { WASM_COPIES, weightUseBytes } from './weight-bytes.ts';

const MiB = 2 ** 20;

/** TensorFlow.js with the engine's own code, before the first tensor. */
const RUNTIME_BYTES: Readonly<Record<EngineName, number>> = {
  cpu: 60 * MiB,
  wasm: 90 * MiB,
  tensorflow: 300 * MiB,
  webgpu: 90 * MiB,
};

/** Scores of attention are cut so that they take this much at a time (see attend.ts), and are copied once. */
const SCORE_BYTES = 2 * 32 * MiB;

/** How an engine uses memory, with matrices kept in this format. */
export function memoryModel(engine: EngineName, onGpu: boolean, format: WeightFormat): MemoryModel {
  const copies = engine === 'wasm' ? WASM_COPIES : 1;
  return {
    place: onGpu ? 'device' : 'process',
    runtime: RUNTIME_BYTES[engine],
    weight({ weight, readers }) {
      const numbers = weight.shape.reduce((product, length) => product * length, 1);
      const kept = weightUseBytes(weight, readers, format);
      const isPacked = engine === 'wasm' && weight.shape.length === 2 && readers.has('linear');
      // It is read, widened to float32 and turned, and JavaScript forgets none of it at once.
      const passing = 8 * numbers;
      return { kept, mapped: 0, onUse: isPacked ? kept : 0, passing, compiling: 0 };
    },
    position: ({ kvHeads, headDim }, kv) =>
      2 * kvHeads * (kv === 'int8' ? headDim + 4 : copies * headDim * 4),
    sharesPasts: true,
    work: (graph, size) =>
      liveBytes(graph, size, {
        workspace: (node) => scoreBytes(node, size) + wideBytes(node, size),
      }),
    compilesLate: () => false,
    keepsWork: false,
  };
}

/** A past in int8 becomes numbers for one layer at a time, in an array and in a tensor. */
function wideBytes({ op, attributes }: Node, { capacity, kv }: RunSize): number {
  if (op !== 'attention' || kv !== 'int8') return 0;
  const { kvHeads, headDim } = attributes.cache;
  return 2 * 2 * kvHeads * headDim * capacity * 4;
}

function scoreBytes({ op, inputs, attributes }: Node, { tokens, capacity }: RunSize): number {
  if (op === 'attention')
    return Math.min(SCORE_BYTES, 2 * attributes.heads * tokens * capacity * 4);
  if (op !== 'selfAttention') return 0;
  const rows = Number(inputs[0]!.shape.at(-2));
  return Math.min(SCORE_BYTES, 2 * attributes.heads * rows * rows * 4);
}
