import { GraphError } from '../graph/errors.ts';
import type { CacheLayer, Tensor } from '../graph/graph.ts';
import { showShape } from '../graph/print-graph.ts';
import { record } from '../graph/trace.ts';
import { fixed } from './shapes.ts';

export interface Rotary {
  /** Cosines of the angles of each new token's position, [tokens, headDim / 2]. */
  readonly cos: Tensor;
  readonly sin: Tensor;
}

/**
 * Causal attention of the new tokens over everything their slot of the cache holds and themselves;
 * query heads share key/value heads in groups (Ainslie et al. 2023). Queries and keys are rotated
 * first: the two halves of a head are the two parts of its complex numbers (Su et al. 2021).
 *
 * `qkv` is [tokens, (heads + 2 · kvHeads) · headDim]: all query heads, all key heads, all value
 * heads. Returns [tokens, heads · headDim].
 */
export function attention(
  qkv: Tensor,
  rotary: Rotary,
  { heads, cache }: { heads: number; cache: CacheLayer },
): Tensor {
  const { kvHeads, headDim } = cache;
  const width = (heads + 2 * kvHeads) * headDim;
  if (heads % kvHeads !== 0) {
    throw new GraphError(
      `attention: ${heads} query heads cannot share ${kvHeads} key/value heads evenly`,
    );
  }
  if (qkv.shape.at(-1) !== width) {
    throw new GraphError(
      `attention: ${heads} + 2 · ${kvHeads} heads of ${headDim} need ${width} features, but the input is ${showShape(qkv.shape)}`,
    );
  }
  requireAngles(rotary, headDim);
  const shape = [...qkv.shape.slice(0, -1), heads * headDim];
  return record('attention', [qkv, rotary.cos, rotary.sin], { heads, cache }, [{ shape }])[0]!;
}

/** Attention among all rows, unmasked: q, k and v are [rows, heads · headDim] each. */
export function selfAttention(q: Tensor, k: Tensor, v: Tensor, heads: number): Tensor {
  const width = fixed('selfAttention', q.shape, -1);
  if (width % heads !== 0) {
    throw new GraphError(`selfAttention: ${width} features do not split into ${heads} heads`);
  }
  for (const { shape } of [k, v]) {
    if (shape.join() === q.shape.join()) continue;
    throw new GraphError(
      `selfAttention: queries are ${showShape(q.shape)}, but keys or values are ${showShape(shape)}`,
    );
  }
  return record('selfAttention', [q, k, v], { heads }, [{ shape: q.shape }])[0]!;
}

function requireAngles({ cos, sin }: Rotary, headDim: number): void {
  for (const { shape } of [cos, sin]) {
    if (shape.length === 2 && shape[1] === headDim / 2) continue;
    throw new GraphError(
      `attention: heads of ${headDim} need angles [tokens, ${headDim / 2}], but they are ${showShape(shape)}`,
    );
  }
}
