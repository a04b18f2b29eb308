import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { fixturePath } from '../test-support.ts';
import { openVideo } from '../video.ts';
import { areFreshStarts } from './fresh-starts.ts';

const bytes = readFileSync(fixturePath('video/numbered.mp4'));
const { signal } = new AbortController();

test('a decoder starts afresh at an IDR picture', async () => {
  const video = await openVideo(bytes);
  expect(await areFreshStarts(video, video.facts.keyframes, signal)).toBe(true);
});

test('and not at other frames, nor at keyframes that later pictures look back across', async () => {
  const video = await openVideo(bytes);
  expect(await areFreshStarts(video, [0, 47], signal)).toBe(false);
  const open = await openVideo(withoutIdr(bytes));
  expect(open.facts.keyframes).toEqual(video.facts.keyframes);
  expect(await areFreshStarts(open, [48], signal)).toBe(false);
});

/** The video with its IDR pictures named common ones, by the first byte of each. */
function withoutIdr(file: Buffer): Buffer {
  const copy = Buffer.from(file);
  for (let at = copy.indexOf('mdat'); at >= 0; at = copy.indexOf(0x65, at + 1)) {
    if (copy[at] === 0x65) copy[at] = 0x61;
  }
  return copy;
}
