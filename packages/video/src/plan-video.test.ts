import { describe, expect, test } from 'vitest';
import { framesThatFit, planVideo } from './plan-video.ts';

describe('the size of a video in the prompt', () => {
  // The table of spec PREPROCESS §6.3.
  test.each([
    [1, '1920x1080', '1120x680', '1120x560', '1x2', 1241],
    [2, '1920x1080', '1120x1360', '560x1120', '2x1', 1261],
    [4, '1920x1080', '1120x2720', '560x1680', '3x1', 1681],
    [8, '1920x1080', '1120x5440', '560x2800', '5x1', 2521],
    [16, '1920x1080', '1120x10880', '560x5600', '10x1', 4621],
    [32, '1920x1080', '1120x21760', '560x11200', '20x1', 8821],
    [64, '1920x1080', '1120x43520', '560x21840', '39x1', 16801],
    [32, '640x480', '1120x28480', '560x14560', '26x1', 11341],
    [24, '854x480', '1120x16296', '560x8400', '15x1', 6721],
    [32, '1080x1920', '20480x1160', '10080x560', '1x18', 7641],
    [32, '480x640', '27200x1160', '13440x560', '1x24', 10041],
    [32, '720x720', '36160x1160', '17920x560', '1x32', 13241],
  ])('%d frames of %s', (count, frame, composite, strip, grid, tokens) => {
    const plan = planVideo(size(frame), count);
    expect(plan.composite).toMatchObject(size(composite));
    expect(plan.strip.canvas).toEqual(size(strip));
    expect(`${plan.strip.grid.rows}x${plan.strip.grid.columns}`).toBe(grid);
    expect(plan.strip.tokens).toBe(tokens);
  });
});

describe('how many frames fit', () => {
  const wide = { width: 1920, height: 1080 };

  test('into the prompt of the reference', () => {
    const most = framesThatFit(wide, 16384);
    expect(planVideo(wide, most).strip.tokens).toBeLessThanOrEqual(16384);
    expect(planVideo(wide, most + 1).strip.tokens).toBeGreaterThan(16384);
  });

  test('none, when even one takes more', () => {
    expect(framesThatFit(wide, 500)).toBe(0);
  });

  test('two, where one alone would take more', () => {
    expect(planVideo({ width: 1080, height: 1920 }, 1).strip.tokens).toBe(1261);
    expect(framesThatFit({ width: 1080, height: 1920 }, 1250)).toBe(3);
  });

  test('is no question of endless room', () => {
    expect(() => framesThatFit(wide, Infinity)).toThrow('fitting frames into Infinity tokens');
  });
});

function size(text: string): { width: number; height: number } {
  const [width, height] = text.split('x').map(Number);
  return { width: width!, height: height! };
}
