import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { checkVideos } from './check-videos.ts';

let ffmpeg = '';

beforeEach(async () => {
  ffmpeg = join(await mkdtemp(join(tmpdir(), 'lingbi-test-')), 'ffmpeg');
  vi.stubEnv('FFMPEG_PATH', ffmpeg);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(join(ffmpeg, '..'), { recursive: true });
});

test.skipIf(process.platform === 'win32')('doctor tells which ffmpeg decodes videos', async () => {
  await writeFile(ffmpeg, '#!/bin/sh\necho ffmpeg version 9.9 Copyright\n');
  await chmod(ffmpeg, 0o755);
  expect(await checkVideos()).toMatchObject({
    state: 'good',
    detail: `ffmpeg version 9.9 (${ffmpeg}, by FFMPEG_PATH)`,
  });
});

test('and without one what there is to do, which is no failure', async () => {
  const { state, detail } = await checkVideos();
  expect(state).toBe('missing');
  expect(detail).toMatch(/apt-get install ffmpeg.*npm install ffmpeg-static.*FFMPEG_PATH/);
});
