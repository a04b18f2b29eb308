import type { Size } from '../picture.ts';
import type { PlaneRows } from './plane-rows.ts';

/** Four neighbours of each output position and their weights, along one axis. */
interface CubicTaps {
  readonly positions: Int32Array;
  readonly weights: Float64Array;
}

/**
 * Brings a normalised canvas to another size by bicubic interpolation without a low-pass filter:
 * the reference's global view, which aliases on large canvases and must (spec PREPROCESS §5).
 * Returns [3, height, width].
 */
export function squeeze(rows: PlaneRows, size: Size): Float32Array {
  const plane = size.width * size.height;
  const result = new Float32Array(3 * plane);
  const along = cubicTaps(rows.width, size.width);
  const down = cubicTaps(rows.height, size.height);
  for (let channel = 0; channel < 3; channel++) {
    const squeezed = squeezedRows(rows, channel, along);
    for (let y = 0; y < size.height; y++) {
      const start = channel * plane + y * size.width;
      blend(down, y, squeezed, result.subarray(start, start + size.width));
    }
  }
  return result;
}

/** Gives rows squeezed along their length; the last few are kept, since outputs share them. */
function squeezedRows(
  rows: PlaneRows,
  channel: number,
  along: CubicTaps,
): (y: number) => Float64Array {
  const whole = new Float32Array(rows.width);
  const kept = Array.from({ length: 4 }, () => ({
    y: -1,
    values: new Float64Array(along.positions.length / 4),
  }));
  return (y) => {
    const slot = kept[y % 4]!;
    if (slot.y !== y) {
      rows.read(channel, y, 0, whole);
      squeezeRow(whole, along, slot.values);
      slot.y = y;
    }
    return slot.values;
  };
}

function squeezeRow(
  row: Float32Array,
  { positions, weights }: CubicTaps,
  into: Float64Array,
): void {
  for (let x = 0, tap = 0; x < into.length; x++, tap += 4) {
    into[x] =
      row[positions[tap]!]! * weights[tap]! +
      row[positions[tap + 1]!]! * weights[tap + 1]! +
      row[positions[tap + 2]!]! * weights[tap + 2]! +
      row[positions[tap + 3]!]! * weights[tap + 3]!;
  }
}

function blend(
  { positions, weights }: CubicTaps,
  output: number,
  rowAt: (y: number) => Float64Array,
  into: Float32Array,
): void {
  const tap = output * 4;
  const [a, b, c, d] = [0, 1, 2, 3].map((i) => rowAt(positions[tap + i]!)) as FourRows;
  const [wa, wb, wc, wd] = weights.subarray(tap, tap + 4) as unknown as FourWeights;
  for (let x = 0; x < into.length; x++) {
    into[x] = a[x]! * wa + b[x]! * wb + c[x]! * wc + d[x]! * wd;
  }
}

type FourRows = [Float64Array, Float64Array, Float64Array, Float64Array];
type FourWeights = [number, number, number, number];

/** Spec PREPROCESS §5. Positions are float32, rounded once as by the reference's fused multiply-add. */
function cubicTaps(from: number, to: number): CubicTaps {
  const { fround } = Math;
  const positions = new Int32Array(to * 4);
  const weights = new Float64Array(to * 4);
  const scale = fround(from / to);
  for (let output = 0; output < to; output++) {
    const source = fround(scale * (output + 0.5) - 0.5);
    const before = Math.floor(source);
    const t = fround(source - before);
    weights.set([far(t + 1), near(t), near(1 - t), far(2 - t)], output * 4);
    for (let i = 0; i < 4; i++) {
      positions[output * 4 + i] = Math.min(Math.max(before - 1 + i, 0), from - 1);
    }
  }
  return { positions, weights };
}

/** Sharper than Pillow's −0.5 (spec PREPROCESS §5). */
const a = -0.75;

function near(x: number): number {
  return ((a + 2) * x - (a + 3)) * x * x + 1;
}

function far(x: number): number {
  return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
}
