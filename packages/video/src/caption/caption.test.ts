import type { Picture } from '@lingbi/vision';
import { describe, expect, test } from 'vitest';
import { noisePicture } from '../test-support.ts';
import { pairFrames } from './pair-frames.ts';
import { stripOfFrames } from './strip-of-frames.ts';

const frame = noisePicture({ width: 40, height: 20 });

describe('two frames as a pair', () => {
  const pair = pairFrames(frame, frame);

  test('stand 50 white rows apart', () => {
    expect([pair.width, pair.height]).toEqual([40, 90]);
    expect(pixel(pair, 7, 20)).toEqual([255, 255, 255]);
    expect(pixel(pair, 7, 69)).toEqual([255, 255, 255]);
    expect(pixel(pair, 7, 70)).toEqual(pixel(frame, 7, 0));
  });

  test('have the size of the first', () => {
    const wide = noisePicture({ width: 60, height: 30 });
    expect(pairFrames(frame, wide)).toMatchObject({ width: 40, height: 90 });
  });
});

describe('a strip of frames', () => {
  test('has room for labels at the left, and lines between the frames', () => {
    const strip = stripOfFrames([frame, frame], 'none');
    expect([strip.width, strip.height]).toEqual([160, 100]);
    expect(pixel(strip, 100, 10)).toEqual(pixel(frame, 0, 0));
    expect(pixel(strip, 100, 50)).toEqual(pixel(frame, 0, 0));
    expect([39, 40, 41, 42].map((y) => pixel(strip, 3, y)[0])).toEqual([255, 0, 0, 255]);
    expect(pixel(strip, 3, 80)).toEqual([255, 255, 255]);
  });

  test('asks for labels a fifth as high as their room', () => {
    const asked: string[] = [];
    const dot = { left: 0, top: 0, width: 1, height: 1, data: Uint8Array.of(255) };
    const wide = noisePicture({ width: 800, height: 10 });
    const strip = stripOfFrames([wide], (text, pixels) => {
      asked.push(`${text} ${pixels}`);
      return dot;
    });
    expect(asked).toEqual(['<IMAGE 0> 40']);
    expect(pixel(strip, 0, 15)).toEqual([0, 0, 0]);
  });

  test('of nothing is an error', () => {
    expect(() => stripOfFrames([], 'none')).toThrow('putting no frames on a strip');
  });
});

function pixel({ width, data }: Picture, x: number, y: number): number[] {
  return [...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)];
}
