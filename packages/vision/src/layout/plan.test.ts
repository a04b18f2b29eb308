import { describe, expect, test } from 'vitest';
import type { Size } from '../picture.ts';
import { fixtureJson } from '../test-support.ts';
import { type PicturePlan, planPicture } from './plan.ts';
import { chatPreset, presets, vlmEvalKitPreset } from './presets.ts';

const recorded = fixtureJson<{
  still: number[][];
  strip: number[][];
  table: string[][];
  stripTable: string[][];
}>('vision/layout.json');

test('lays out 200 recorded sizes as the reference did', () => {
  expect(recorded.still).toHaveLength(200);
  for (const [width = 0, height = 0, hdNum = 0, ...expected] of recorded.still) {
    const plan = planPicture({ width, height }, { ...presets.chat, hdNum });
    expect(numbersOf(plan), `${width} × ${height}, hdNum ${hdNum}`).toEqual(expected);
  }
});

test('makes strips of 12 recorded composites as the reference did', () => {
  expect(recorded.strip).toHaveLength(12);
  for (const [width = 0, height = 0, ...expected] of recorded.strip) {
    expect(numbersOf(planPicture({ width, height }, presets.videoStrip))).toEqual(expected);
  }
});

test.each(recorded.table)('lays out %s as tabled', (size, ...cells) => {
  const plans = [presets.chat, presets.severalPictures, presets.finetune, presets.vlmEvalKit].map(
    (preset) => planPicture(sizeOf(size!), preset),
  );
  const [chat, several, finetune, vlmEvalKit] = plans.map((plan) => ({
    resized: `${plan.resized.width}×${plan.resized.height}`,
    grid: `${plan.grid.rows}×${plan.grid.columns}`,
    tokens: String(plan.tokens),
  }));
  expect([
    ...[chat!.resized, chat!.grid, chat!.tokens],
    ...[several!.grid, several!.tokens],
    ...[finetune!.resized, finetune!.grid, finetune!.tokens],
    ...[vlmEvalKit!.grid, vlmEvalKit!.tokens],
  ]).toEqual(cells);
});

test.each(recorded.stripTable)('makes of the composite %s the strip %s', (...row) => {
  const [composite = '', strip, grid, tokens] = row;
  const plan = planPicture(sizeOf(composite), presets.videoStrip);
  expect(`${plan.canvas.width}×${plan.canvas.height}`).toBe(strip);
  expect(`${plan.grid.rows}×${plan.grid.columns}`).toBe(grid);
  expect(String(plan.tokens)).toBe(tokens);
});

// Spec PREPROCESS §7, ZOO §3.
test.each([
  ['1920×1080', 25, [2016, 1134, 2016, 1344, 4, 6, 3661]],
  ['1920×1080', 55, [3024, 1701, 3024, 2016, 6, 9, 8005]],
  ['800×3000', 25, [716, 2688, 1008, 2688, 8, 3, 3709]],
  ['560×560', 25, [1680, 1680, 1680, 1680, 5, 5, 3817]],
])('lays out %s in 336-pixel tiles with hdNum %i', (size, hdNum, expected) => {
  expect(numbersOf(planPicture(sizeOf(size), { ...presets.fourKhd, hdNum }))).toEqual(expected);
});

test('squares keep no proportions and are never turned', () => {
  const plan = planPicture({ width: 100, height: 900 }, presets.square490);
  expect(plan).toMatchObject({ transposed: false, filter: 'bicubic', tokens: 1225 });
  expect(numbersOf(plan)).toEqual([490, 490, 490, 490, 1, 1, 1225]);
  expect(planPicture({ width: 9, height: 9 }, presets.square224).tokens).toBe(256);
});

describe('padding', () => {
  test('goes below a landscape picture and right of a portrait', () => {
    const below = planPicture({ width: 512, height: 341 }, presets.chat);
    expect(below.padding).toEqual({ top: 0, right: 0, bottom: 560 - 372, left: 0 });
    const right = planPicture({ width: 341, height: 512 }, presets.chat);
    expect(right.padding).toEqual({ top: 0, right: 560 - 372, bottom: 0, left: 0 });
    expect([below.transposed, right.transposed]).toEqual([false, true]);
  });

  test('is halved where the preset centres, the odd row at the end', () => {
    const lying = planPicture({ width: 1280, height: 721 }, presets.finetune);
    expect(lying.resized.height).toBe(1261);
    expect(lying.padding).toEqual({ top: 209, right: 0, bottom: 210, left: 0 });
    const upright = planPicture({ width: 721, height: 1280 }, presets.finetune);
    expect(upright.padding).toEqual({ top: 0, right: 210, bottom: 0, left: 209 });
  });
});

test('a picture thinner than a row keeps one', () => {
  expect(planPicture({ width: 60_000, height: 1 }, presets.severalPictures).resized).toEqual({
    width: 3360,
    height: 1,
  });
});

test('the demo with several pictures fills its tiles, however small the picture', () => {
  const { grid } = planPicture({ width: 10, height: 10 }, presets.gradioSeveralPictures);
  expect(grid).toEqual({ rows: 2, columns: 2 });
});

test('two pictures in a chat get six tiles each, one gets 24', () => {
  expect([0, 1, 2, 9].map((pictures) => chatPreset(pictures).hdNum)).toEqual([24, 24, 6, 6]);
});

test('VLMEvalKit shares its tiles twice over, down to four', () => {
  // max(4, ⌊max(1, ⌊36/n⌋) / n⌋) of spec PREPROCESS §3
  expect([1, 2, 3, 4, 50].map((n) => vlmEvalKitPreset(n).hdNum)).toEqual([36, 9, 4, 4, 4]);
});

test('says what is wrong with a size or a preset', () => {
  const size = { width: 3, height: 3 };
  expect(() => planPicture({ width: 0, height: 3 }, presets.chat)).toThrow(RangeError);
  expect(() => planPicture(size, { ...presets.chat, hdNum: 0 })).toThrow(
    'planning with hdNum 0: it must be a whole number of tiles, at least 1',
  );
  expect(() => planPicture(size, { ...presets.chat, tileSize: 500 })).toThrow(
    'tileSize must be a multiple of 28',
  );
  expect(() => planPicture(size, { ...presets.chat, enlargement: 0 })).toThrow("or 'none'");
});

function sizeOf(text: string): Size {
  const [width = 0, height = 0] = text.split('×').map(Number);
  return { width, height };
}

function numbersOf({ resized, canvas, grid, tokens }: PicturePlan): number[] {
  return [
    ...[resized.width, resized.height, canvas.width, canvas.height],
    ...[grid.rows, grid.columns, tokens],
  ];
}
