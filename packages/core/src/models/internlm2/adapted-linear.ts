import type { Tensor, Weight } from '../../graph/graph.ts';
import { add, linear, multiply, scale } from '../../ops/index.ts';

/** A low-rank addition to a linear: factor · B(A(x)), A [rank, in], B [out, rank] (Hu et al. 2021). */
export interface Lora {
  readonly down: Weight;
  readonly up: Weight;
  readonly factor: number;
  /** Whose it is, in a graph that decodes tokens of several adapters: it acts on its own alone. */
  readonly adapter?: string;
}

/** A linear and what is added to it for these tokens in this mode. */
export interface AdaptedLinear {
  readonly weight: Weight;
  readonly bias?: Weight;
  readonly loras: readonly Lora[];
}

/** For each adapter [tokens, 1]: 1 for a token that it acts on, else 0. */
export type Acting = Readonly<Record<string, Tensor>>;

/** W x + b, plus each adapter's share in the order of the list (spec MODEL §4). */
export function adaptedLinear(
  x: Tensor,
  { weight, bias, loras }: AdaptedLinear,
  acting: Acting = {},
): Tensor {
  return loras.reduce((sum, lora) => add(sum, loraShare(x, lora, acting)), linear(x, weight, bias));
}

function loraShare(x: Tensor, { down, up, factor, adapter }: Lora, acting: Acting): Tensor {
  const narrow = linear(x, down);
  const own = adapter === undefined ? narrow : multiply(narrow, acting[adapter]!);
  const share = linear(own, up);
  return factor === 1 ? share : scale(share, factor);
}
