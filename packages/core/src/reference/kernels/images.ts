import type { Kernel } from '../../backend/kernel-table.ts';
import { type Floats, floats } from '../host.ts';

export const conv2d: Kernel<'conv2d', Floats> = ([x], attributes, { weight }) => {
  const { stride } = attributes;
  const [out, channels, kernel] = attributes.weight.shape as [number, number, number];
  const [, height, width] = x!.shape as [number, number, number];
  const taps = weight(attributes.weight).data;
  const bias = attributes.bias && weight(attributes.bias).data;
  const [rows, columns] = [height, width].map(
    (length) => Math.floor((length - kernel) / stride) + 1,
  );
  const result = floats([out, rows!, columns!]);
  for (let o = 0, at = 0; o < out; o++) {
    for (let y = 0; y < rows!; y++) {
      for (let column = 0; column < columns!; column++, at++) {
        let sum = bias?.[o] ?? 0;
        for (let c = 0, tap = o * channels * kernel * kernel; c < channels; c++) {
          for (let dy = 0; dy < kernel; dy++) {
            const from = (c * height + y * stride + dy) * width + column * stride;
            for (let dx = 0; dx < kernel; dx++, tap++) sum += x!.data[from + dx]! * taps[tap]!;
          }
        }
        result.data[at] = sum;
      }
    }
  }
  return result;
};

export const resizeGrid: Kernel<'resizeGrid', Floats> = ([x], { height, width }) => {
  const [channels, fromHeight, fromWidth] = x!.shape as [number, number, number];
  const [down, across] = [bicubicTaps(fromHeight, height), bicubicTaps(fromWidth, width)];
  const result = floats([channels, height, width]);
  for (let c = 0, at = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) {
      for (let column = 0; column < width; column++, at++) {
        for (const [row, rowWeight] of down[y]!) {
          const start = (c * fromHeight + row) * fromWidth;
          for (const [place, weight] of across[column]!) {
            result.data[at]! += x!.data[start + place]! * rowWeight * weight;
          }
        }
      }
    }
  }
  return result;
};

/** For each new place, four old places and their weights (spec PREPROCESS §5, a = −0.75). */
function bicubicTaps(from: number, to: number): [place: number, weight: number][][] {
  const near = (x: number) => (1.25 * x - 2.25) * x * x + 1;
  const far = (x: number) => ((-0.75 * x + 3.75) * x - 6) * x + 3;
  return Array.from({ length: to }, (_, index) => {
    const center = (index + 0.5) * (from / to) - 0.5;
    const first = Math.floor(center);
    const t = center - first;
    return [far(t + 1), near(t), near(1 - t), far(2 - t)].map((weight, tap) => {
      const place = Math.min(from - 1, Math.max(0, first - 1 + tap));
      return [place, weight];
    });
  });
}
