import { GraphError } from '../graph/errors.ts';
import type { Tensor, Weight } from '../graph/graph.ts';
import { showShape } from '../graph/print-graph.ts';
import { record } from '../graph/trace.ts';

/** x · Wᵀ + b. The weight is `[out, in]`, as checkpoints store it; x is `[…, in]`. */
export function linear(x: Tensor, weight: Weight, bias?: Weight): Tensor {
  const [out, width] = weight.shape;
  if (weight.shape.length !== 2 || x.shape.at(-1) !== width) {
    throw new GraphError(
      `linear: ${weight.name} maps ${width} → ${out} features, but its input is ${showShape(x.shape)}`,
    );
  }
  if (bias && (bias.shape.length !== 1 || bias.shape[0] !== out)) {
    throw new GraphError(
      `linear: ${weight.name} makes ${out} features, but ${bias.name} is ${showShape(bias.shape)}`,
    );
  }
  const shape = [...x.shape.slice(0, -1), out!];
  return record('linear', [x], bias ? { weight, bias } : { weight }, [{ shape }])[0]!;
}
