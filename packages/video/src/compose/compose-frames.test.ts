import { createResizer, type Picture, readPicture } from '@lingbi/vision';
import { describe, expect, test } from 'vitest';
import { fixtureJson, fixturePath, noisePicture, sha256 } from '../test-support.ts';
import { tileFrames } from '../tile-frames.ts';
import { composeFrames } from './compose-frames.ts';
import type { Coverage } from './labels.ts';

interface Composite {
  readonly frames: readonly (readonly [number, number])[];
  readonly composite: readonly [number, number];
  readonly compositeSha256: string;
  readonly canvas: readonly [number, number];
  readonly canvasSha256: string;
}

const composites = fixtureJson<Record<string, Composite>>('video/composites.json');
const resizer = createResizer();

describe('the composite and the strip have the bytes of the reference', () => {
  test.each(Object.entries(composites))('%s', async (name, expected) => {
    const frames = name.startsWith('portrait') ? await portraitFrames() : noiseFrames(expected);
    const options = name.endsWith('blank') ? ({ labels: 'none', resizer } as const) : { resizer };
    const composite = composeFrames(frames, options);
    expect([composite.width, composite.height]).toEqual(expected.composite);
    expect(sha256(composite.data)).toBe(expected.compositeSha256);
    const { canvas } = tileFrames(frames, options);
    expect([canvas.width, canvas.height]).toEqual(expected.canvas);
    expect(sha256(canvas.data)).toBe(expected.canvasSha256);
  });
});

describe('labels', () => {
  const frames = [noisePicture({ width: 8, height: 4 }), noisePicture({ width: 8, height: 4 })];

  test('can come from a painter of the user', () => {
    const asked: string[] = [];
    const dot: Coverage = { left: 2, top: 3, width: 1, height: 1, data: Uint8Array.of(55) };
    const painter = (text: string): Coverage => {
      asked.push(text);
      return dot;
    };
    const { data, width } = composeFrames(frames, { labels: painter, resizer });
    expect(asked).toEqual(['<IMAGE 0>', '<IMAGE 1>']);
    expect(data[(3 * width + 2) * 3]).toBe(200);
    expect(data[(3 * width + 3) * 3]).toBe(255);
  });

  test('that reach outside are cut off', () => {
    const wide: Coverage = {
      left: -5,
      top: -5,
      width: 2000,
      height: 20,
      data: new Uint8Array(40_000).fill(255),
    };
    const { data } = composeFrames(frames, { labels: () => wide, resizer });
    expect(data[14 * 1120 * 3 + 3]).toBe(0);
    expect(data[15 * 1120 * 3 + 3]).toBe(255);
  });
});

test.each<[Picture[], string]>([
  [[], 'composing no frames: give at least one'],
  [[noisePicture({ width: 2000, height: 1 })], 'composing a frame of 2000 × 1: nothing is left'],
  [[{ width: 4, height: 4, data: new Uint8Array(3) }], 'its data should be 48 bytes of RGB'],
])('frames that make no composite are an error', (frames, problem) => {
  expect(() => composeFrames(frames)).toThrow(problem);
});

function portraitFrames(): Promise<Picture[]> {
  const names = ['frame_00.png', 'frame_01.png', 'frame_02.png'];
  return Promise.all(names.map((name) => readPicture(fixturePath(`video/portrait/${name}`))));
}

function noiseFrames({ frames }: Composite): Picture[] {
  return frames.map(([width, height], i) => noisePicture({ width, height }, i + 1));
}
