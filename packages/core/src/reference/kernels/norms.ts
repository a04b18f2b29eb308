import type { Kernel } from '../../backend/kernel-table.ts';
import { type Floats, floats, rowCount, width } from '../host.ts';

export const rmsNorm: Kernel<'rmsNorm', Floats> = ([x], { weight: gain, epsilon }, { weight }) => {
  return mapRows(x!, (row, out) => {
    const inverse = 1 / Math.sqrt(mean(row, (value) => value * value) + epsilon);
    for (let i = 0; i < row.length; i++) out[i] = row[i]! * inverse * weight(gain).data[i]!;
  });
};

export const layerNorm: Kernel<'layerNorm', Floats> = ([x], attributes, { weight }) => {
  const [gain, bias] = [weight(attributes.weight).data, weight(attributes.bias).data];
  return mapRows(x!, (row, out) => {
    const center = mean(row, (value) => value);
    const variance = mean(row, (value) => (value - center) ** 2);
    const inverse = 1 / Math.sqrt(variance + attributes.epsilon);
    for (let i = 0; i < row.length; i++)
      out[i] = (row[i]! - center) * inverse * gain[i]! + bias[i]!;
  });
};

function mapRows(x: Floats, apply: (row: Float32Array, out: Float32Array) => void): Floats {
  const result = floats(x.shape);
  const length = width(x);
  for (let row = 0; row < rowCount(x); row++) {
    const [start, end] = [row * length, (row + 1) * length];
    apply(x.data.subarray(start, end), result.data.subarray(start, end));
  }
  return result;
}

function mean(row: Float32Array, of: (value: number) => number): number {
  let sum = 0;
  for (let i = 0; i < row.length; i++) sum += of(row[i]!);
  return sum / row.length;
}
