import type { KvCache, Program } from '@lingbi/core';
import { noiseWeights, relativeError } from '@lingbi/core/testing';
import { onnx } from '../backend.ts';
import {
  type AttendedText,
  attentionGraph,
  exactAttention,
  type Heads,
  rowsOf,
} from './attended-text.ts';

export type Attention = Program<'attend'>;

export function open(of: Heads, kernels: 'lingbi' | 'onnxruntime' = 'lingbi'): Promise<Attention> {
  return onnx({ threads: 2, kernels }).compile({ attend: attentionGraph(of) }, noiseWeights([]));
}

export interface Part {
  readonly text: AttendedText;
  /** Default: 0. */
  readonly slot?: number;
  readonly to: number;
}

/** Reads texts on from where their slots are. */
export async function read(
  program: Attention,
  cache: KvCache,
  parts: readonly Part[],
): Promise<{ readonly data: Float32Array }> {
  const segments = parts.map(({ slot = 0, to }) => ({ slot, tokens: to - cache.length(slot) }));
  const inputs = rowsOf(
    parts.map(({ text, slot = 0, to }) => ({ text, from: cache.length(slot), to })),
  );
  const { y } = await program.run('attend', inputs, { cache, segments });
  using held = y!;
  const { data } = await held.read();
  return { data: data as Float32Array };
}

/** A part that attends to so many rounded tokens. Default: none. */
export type CheckedPart = Part & { readonly rounded?: number };

/** Reads texts on; returns how far what comes out is from the exact numbers, of the largest of them. */
export async function readingError(
  program: Attention,
  cache: KvCache,
  parts: readonly CheckedPart[],
): Promise<number> {
  const starts = parts.map(({ slot }) => cache.length(slot));
  const { data } = await read(program, cache, parts);
  const wanted = parts.flatMap(({ text, to, rounded }, i) => {
    return [...exactAttention(text, starts[i]!, to, rounded)];
  });
  return relativeError(data, wanted);
}

/** Of the largest number that is right: float32 sums in whatever order. */
export const TOLERANCE = 3e-6;
