import { GraphError } from '../graph/errors.ts';
import type { Tensor, Weight } from '../graph/graph.ts';
import { showShape } from '../graph/print-graph.ts';
import { record } from '../graph/trace.ts';
import { fixed, requireRank } from './shapes.ts';

/**
 * Convolution without padding: x [in, height, width], weight [out, in, kernel, kernel]
 * → [out, ⌊(height − kernel) / stride⌋ + 1, likewise wide].
 */
export function conv2d(x: Tensor, weight: Weight, stride: number, bias?: Weight): Tensor {
  requireRank('conv2d', x, 3);
  const [out, channels, kernel] = weight.shape;
  if (weight.shape.length !== 4 || x.shape[0] !== channels) {
    throw new GraphError(
      `conv2d: ${weight.name} is ${showShape(weight.shape)}, but its input is ${showShape(x.shape)}`,
    );
  }
  const slide = (axis: number) =>
    Math.floor((fixed('conv2d', x.shape, axis) - kernel!) / stride) + 1;
  const attributes = bias ? { weight, bias, stride } : { weight, stride };
  return record('conv2d', [x], attributes, [{ shape: [out!, slide(1), slide(2)] }])[0]!;
}

/**
 * Bicubic resampling of a grid of features, x [channels, height, width]: a = −0.75, half-pixel
 * centres, edge taps clamped, no low-pass filter when shrinking (spec PREPROCESS §5, ZOO §4).
 */
export function resizeGrid(x: Tensor, height: number, width: number): Tensor {
  requireRank('resizeGrid', x, 3);
  const shape = [x.shape[0]!, height, width];
  return record('resizeGrid', [x], { height, width }, [{ shape }])[0]!;
}
