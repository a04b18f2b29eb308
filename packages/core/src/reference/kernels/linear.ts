import type { Kernel } from '../../backend/kernel-table.ts';
import { type Floats, floats, rowCount } from '../host.ts';

export const linear: Kernel<'linear', Floats> = ([x], attributes, { weight }) => {
  const [out, width] = attributes.weight.shape as [number, number];
  const matrix = weight(attributes.weight).data;
  const bias = attributes.bias && weight(attributes.bias).data;
  const result = floats([...x!.shape.slice(0, -1), out]);
  for (let row = 0; row < rowCount(x!); row++) {
    for (let j = 0; j < out; j++) {
      let sum = bias?.[j] ?? 0;
      for (let i = 0; i < width; i++) sum += x!.data[row * width + i]! * matrix[j * width + i]!;
      result.data[row * out + j] = sum;
    }
  }
  return result;
};
