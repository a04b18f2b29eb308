import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { openCheckpoint } from '../../weights/open-checkpoint.ts';
import { toFloat32 } from '../../weights/to-float32.ts';
import {
  inverseFrequencies,
  type RotaryScaling,
  rotaryAngles,
  rotaryPositions,
  thetaAt,
} from './rotary.ts';

interface GoldenTable {
  readonly name: string;
  readonly dim: number;
  readonly max_position: number;
  readonly theta: number;
  readonly length: number;
  readonly scaling_factor?: number;
  readonly rows?: readonly number[];
}

const folder = new URL('../../../../../fixtures/goldens/units/', import.meta.url);
const tables: GoldenTable[] = JSON.parse(readFileSync(new URL('rope.json', folder), 'utf8'));

describe('angles equal the recorded tables', () => {
  test.each(tables)('$name', async (golden) => {
    const { dim: headDim, theta, length, name } = golden;
    const config = { headDim, theta, scaling: scalingOf(golden) };
    const frequencies = inverseFrequencies(headDim, thetaAt(config, length));
    expect(worst(frequencies, await recorded(`${name}.inv_freq`))).toBeLessThan(1e-7);
    const { cos, sin } = rotaryAngles(config, 0, length, length);
    const rows = golden.rows ?? Array.from({ length }, (_, row) => row);
    for (const [part, angles] of [
      ['cos', cos],
      ['sin', sin],
    ] as const) {
      const found = rows.flatMap((row) => twice(angles, row, headDim / 2));
      expect(worst(found, await recorded(`${name}.${part}`)), part).toBeLessThan(4e-3);
    }
  });
});

test('the base grows past the trained length as the spec says', () => {
  const scaling = { kind: 'dynamic', factor: 2, trainedLength: 32768 } as const;
  const config = { headDim: 128, theta: 1e6, scaling };
  expect(thetaAt(config, 32768)).toBe(1e6);
  expect(thetaAt(config, 65536)).toBeCloseTo(3_052_773.67, 1);
  expect(thetaAt(config, 98304)).toBeCloseTo(5_129_378.73, 1);
});

test('a long sequence changes later short ones only when that is asked for', () => {
  const scaling = { kind: 'dynamic', factor: 2, trainedLength: 64 } as const;
  const config = { headDim: 16, theta: 1e6, scaling };
  const [fair, sticky] = [rotaryPositions(config), rotaryPositions(config, { sticky: true })];
  for (const positions of [fair, sticky]) positions.angles(0, 100, 100);
  expect(fair.theta(60)).toBe(1e6);
  expect(sticky.theta(60)).toBe(thetaAt(config, 100));
});

function scalingOf({ name, scaling_factor: factor, max_position }: GoldenTable): RotaryScaling {
  if (factor === undefined) return { kind: 'none' };
  if (name.startsWith('linear')) return { kind: 'linear', factor };
  return { kind: 'dynamic', factor, trainedLength: max_position };
}

/** Recorded tables hold each angle for both halves of a head. */
function twice(angles: Float32Array, row: number, half: number): number[] {
  const own = Array.from(angles.subarray(row * half, (row + 1) * half));
  return [...own, ...own];
}

async function recorded(name: string): Promise<Float32Array> {
  await using file = await openCheckpoint(fileURLToPath(new URL('rope.safetensors', folder)));
  return toFloat32(await file.read(name), 'float32');
}

function worst(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(found.length).toBe(expected.length);
  return Math.max(...Array.from(expected, (value, i) => Math.abs(value - found[i]!)));
}
