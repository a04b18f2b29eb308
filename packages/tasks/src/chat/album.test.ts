import type { XComposer } from '@lingbi/core';
import { type Picture, presets, type TiledPicture, tilePicture } from '@lingbi/vision';
import { expect, test } from 'vitest';
import { createAlbum } from './album.ts';
import type { Shown } from './media.ts';

const tower = { tileSize: 56, patchSize: 14 };
const xcomposer = { tower } as XComposer;
const picture = (value: number): Picture => ({
  width: 560,
  height: 560,
  data: new Uint8Array(560 * 560 * 3).fill(value),
});
const shown = (value: number): Shown => ({ type: 'picture', picture: picture(value) });
const tilesOf = ({ plan }: TiledPicture) => plan.grid.rows * plan.grid.columns;

/** A video is tiled when it is read. */
const video: Shown = {
  type: 'video',
  tiled: {
    ...tilePicture(picture(9), { ...presets.videoStrip, ...tower }),
    facts: {} as never,
    frames: [],
    warnings: [],
  },
};

test('one picture gets 24 tiles at most, several get 6 each, as in the reference', () => {
  const album = createAlbum(xcomposer);
  expect(album.tile([shown(1)]).map(tilesOf)).toEqual([16]);
  expect(album.tile([shown(1), shown(2)]).map(tilesOf)).toEqual([4, 4]);
});

test('a video counts as one of several, and stays the strip it is', () => {
  const album = createAlbum(xcomposer);
  const [strip, still] = album.tile([video, shown(1)]);
  expect(strip).toBe((video as { tiled: TiledPicture }).tiled);
  expect(tilesOf(still!)).toBe(4);
});

test('hdNum overrides the rule', () => {
  expect(
    createAlbum(xcomposer, 9)
      .tile([shown(1), shown(2)])
      .map(tilesOf),
  ).toEqual([9, 9]);
});

test('a picture is cut once, until it has to be cut otherwise', () => {
  const album = createAlbum(xcomposer);
  const first = shown(1);
  expect(album.tile([first])[0]).toBe(album.tile([first])[0]);
  expect(album.tile([first, shown(2)])[0]!.key).not.toBe(album.tile([first])[0]!.key);
});

test('text alone needs no vision tower', () => {
  expect(createAlbum({} as XComposer).tile([])).toEqual([]);
});
