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

export interface CheckedPart extends Part {
  /** How many tokens it attends to that are rounded. Default: none. */
  readonly rounded?: number;
  /** Whether what comes out of it is nobody's business. */
  readonly isIgnored?: boolean;
}

/** Reads texts on; returns how far what comes out is from the exact numbers, of the largest of them. */
export async function readingError(
  program: Attention,
  cache: KvCache,
  parts: readonly CheckedPart[],
): Promise<number> {
  const starts = parts.map(({ slot }) => cache.length(slot));
  const { data } = await read(program, cache, parts);
  const found: ArrayLike<number>[] = [];
  const wanted: ArrayLike<number>[] = [];
  let at = 0;
  for (const [i, { text, to, rounded, isIgnored }] of parts.entries()) {
    const end = at + (to - starts[i]!) * text.of.heads * text.of.headDim;
    if (!isIgnored) {
      found.push(data.subarray(at, end));
      wanted.push(exactAttention(text, starts[i]!, to, rounded));
    }
    at = end;
  }
  return relativeError(joined(found), joined(wanted));
}

/**
 * How many tokens are rounded for a slot of its own in int8 that reads on to `to`: few new ones are seen as
 * they are kept, many as they are.
 */
export function roundedFor({ heads, kvHeads }: Heads, past: number, to: number): number {
  return ((to - past) * heads) / kvHeads <= 36 ? to : past;
}

function joined(parts: readonly ArrayLike<number>[]): readonly number[] {
  return parts.flatMap((part) => Array.from(part));
}

/** Of the largest number that is right: float32 sums in whatever order. */
export const TOLERANCE = 1e-5;
