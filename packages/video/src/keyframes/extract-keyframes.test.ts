import type { Picture } from '@lingbi/vision';
import { describe, expect, test } from 'vitest';
import type { VideoFrame } from '../decode/decode-frames.ts';
import { numberIn, systemFfmpeg } from '../numbered-clip.ts';
import { evenTimeline } from '../sample/timeline.ts';
import { fixturePath } from '../test-support.ts';
import { openVideo } from '../video.ts';
import {
  chooseKeyframes,
  extractKeyframes,
  isFlat,
  scanForKeyframes,
} from './extract-keyframes.ts';
import { cosineSimilarity } from './similarity.ts';

/** Frames 0, 60, 120 … and the last, each of one grey level. */
function frames(levels: readonly number[], last: number): VideoFrame[] {
  return levels.map((level, i) => {
    const frame = i + 1 < levels.length ? i * 60 : last;
    const picture = { width: 1, height: 1, data: new Uint8Array(3).fill(level) };
    return { frame, seconds: frame / 30, picture };
  });
}

/** 1 for equal levels, and 0.01 less for every level apart. */
const similarity = (a: Picture, b: Picture): number => 1 - Math.abs(a.data[0]! - b.data[0]!) / 100;

async function chosen(levels: readonly number[], last: number): Promise<number[]> {
  const kept = await chooseKeyframes(frames(levels, last), { similarity, step: 60 });
  return kept.map(({ frame }) => frame);
}

describe('keyframes are', () => {
  test('the first, and each that differs enough from the one before', async () => {
    expect(await chosen([0, 3, 8, 9, 30, 30], 245)).toEqual([0, 120, 240]);
  });

  test('compared with the last keyframe, not with the frame before', async () => {
    expect(await chosen([0, 4, 8, 12, 16, 16], 245)).toEqual([0, 120, 240]);
  });

  test('the last as well when it is far from the others', async () => {
    expect(await chosen([0, 0, 30, 30, 30, 30], 290)).toEqual([0, 120, 290]);
    expect(await chosen([0, 0, 30, 30], 178)).toEqual([0, 120]);
    expect(await chosen([0, 0, 30, 30], 179)).toEqual([0, 120, 179]);
  });

  test('the first and the last of a video in which nothing happens', async () => {
    expect(await chosen([5, 5, 5, 5], 130)).toEqual([0, 130]);
  });
});

describe('what is looked at', () => {
  test('is a frame every two seconds of the first two minutes', () => {
    expect(scanForKeyframes(evenTimeline(900, 29.97))).toEqual({ step: 58, count: 900 });
    expect(scanForKeyframes(evenTimeline(9000, 25))).toEqual({ step: 50, count: 3000 });
  });

  test('is nothing of a video of ten seconds', () => {
    expect(scanForKeyframes(evenTimeline(300, 30))).toBeUndefined();
    expect(scanForKeyframes(evenTimeline(301, 30))).toBeDefined();
  });
});

test('pictures are embedded once, and compared by their angle', async () => {
  let calls = 0;
  const embed = ({ data }: Picture): Float32Array => {
    calls++;
    return Float32Array.from(data);
  };
  const compare = cosineSimilarity(embed);
  const east = { width: 1, height: 1, data: Uint8Array.of(7, 0, 0) };
  const both = { width: 1, height: 1, data: Uint8Array.of(1, 1, 0) };
  expect(await compare(east, both)).toBeCloseTo(Math.SQRT1_2);
  expect(await compare(both, east)).toBeCloseTo(Math.SQRT1_2);
  expect(calls).toBe(2);
});

test('a picture of one colour is flat when its bytes are all the same', () => {
  expect(isFlat({ width: 1, height: 2, data: new Uint8Array(6).fill(9) })).toBe(true);
  expect(isFlat({ width: 1, height: 2, data: Uint8Array.of(9, 9, 9, 9, 9, 8) })).toBe(false);
});

test.skipIf(!systemFfmpeg)('keyframes of a video are decoded on the way', async () => {
  const video = await openVideo(fixturePath('video/numbered.mp4'));
  const never = await extractKeyframes(video, { similarity: () => 1 });
  expect(never.map(({ picture }) => numberIn(picture))).toEqual([0, 287]);
  const always = await extractKeyframes(video, { similarity: () => 0 });
  expect(always.map(({ frame }) => frame)).toEqual([0, 48, 96, 144, 192, 240, 287]);
});
