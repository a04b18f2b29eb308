import type { Tensor, Weight } from '../../graph/graph.ts';
import { add, linear, scale } from '../../ops/index.ts';

/** A low-rank addition to a linear: factor · B(A(x)), A [rank, in], B [out, rank] (Hu et al. 2021). */
export interface Lora {
  readonly down: Weight;
  readonly up: Weight;
  readonly factor: number;
}

/** A linear and what is added to it for these tokens in this mode. */
export interface AdaptedLinear {
  readonly weight: Weight;
  readonly bias?: Weight;
  readonly loras: readonly Lora[];
}

/** W x + b, plus each adapter's share in the order of the list (spec MODEL §4). */
export function adaptedLinear(x: Tensor, { weight, bias, loras }: AdaptedLinear): Tensor {
  return loras.reduce((sum, lora) => add(sum, loraShare(x, lora)), linear(x, weight, bias));
}

function loraShare(x: Tensor, { down, up, factor }: Lora): Tensor {
  const share = linear(linear(x, down), up);
  return factor === 1 ? share : scale(share, factor);
}
