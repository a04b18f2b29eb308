import type { Tensor, Weight } from '../graph/graph.ts';
import { record } from '../graph/trace.ts';
import { requireFeatures } from './shapes.ts';

/** x / √(mean(x²) + ε) · gain over the last axis (Zhang & Sennrich 2019); statistics in float32. */
export function rmsNorm(x: Tensor, weight: Weight, epsilon: number): Tensor {
  requireFeatures('rmsNorm', weight, x.shape);
  return record('rmsNorm', [x], { weight, epsilon }, [{ shape: x.shape }])[0]!;
}

/** (x − mean) / √(variance + ε) · gain + bias over the last axis (Ba et al. 2016). */
export function layerNorm(x: Tensor, weight: Weight, bias: Weight, epsilon: number): Tensor {
  requireFeatures('layerNorm', weight, x.shape);
  requireFeatures('layerNorm', bias, x.shape);
  return record('layerNorm', [x], { weight, bias, epsilon }, [{ shape: x.shape }])[0]!;
}
