import type { Picture, RawPixels } from '@lingbi/vision';
import { describe, expect, test } from 'vitest';
import { queryOf, scriptedWriter } from '../../writer/testing.ts';
import { videoCaptionSettings } from '../caption-settings.ts';
import { NoFramesError } from '../errors.ts';
import { captionVideoFast } from './caption-video-fast.ts';
import { captionVideoSliding, stackFrames } from './caption-video-sliding.ts';
import { paintFastStrip, planFastStrip } from './fast-strip.ts';
import type { VideoFrames } from './video-frames.ts';

const frame = (value: number, width = 4, height = 2): Picture => ({
  ...{ width, height },
  data: new Uint8Array(width * height * 3).fill(value),
});

function video(count: number): VideoFrames & { readonly asked: number[] } {
  const asked: number[] = [];
  return {
    asked,
    async *every(seconds) {
      asked.push(seconds);
      for (let i = 0; i < count; i++) yield frame(i);
    },
  };
}

async function slide(frames: VideoFrames, options = {}) {
  const writer = scriptedWriter((_, call) => `caption ${call}<|im_end|>`);
  const events = [];
  for await (const event of captionVideoSliding(writer, frames, options)) events.push(event);
  return { events, queries: writer.requests.map(queryOf), requests: writer.requests };
}

describe('sliding captions', () => {
  test('describe the first frame, then each pair, then sum up', async () => {
    const { events, queries, requests } = await slide(video(3));
    expect(queries).toEqual([
      'This is the first frame of a video, describe it in detail.',
      'Here are the Video frame 0 at 0.00 Second(s) and Video frame 1 at 2.00 Second(s) of a video, describe what happend between them. What happend before is: caption 0',
      'Here are the Video frame 1 at 2.00 Second(s) and Video frame 2 at 4.00 Second(s) of a video, describe what happend between them. What happend before is: caption 1',
      'Summarize the following per frame descriptions:\nVideo frame 1 at 0.00 Second(s) description: caption 0\nVideo frame 2 at 2.00 Second(s) description: caption 1\nVideo frame 3 at 4.00 Second(s) description: caption 2\n',
    ]);
    expect(events.at(-2)).toEqual({
      type: 'frame-caption',
      frame: 2,
      seconds: 4,
      caption: 'caption 2',
    });
    expect(events.at(-1)).toEqual({ type: 'summary', caption: 'caption 3', frames: 3 });
    expect(requests.map(({ tiling }) => tiling?.kind === 'hd' && tiling.hdNum)).toEqual(
      [9, 9, 9, undefined].map((n) => n ?? false),
    );
    expect(requests[3]).not.toHaveProperty('images');
    expect((requests[1]!.images![0] as RawPixels).height).toBe(54);
  });

  test('of one frame are summed up as well', async () => {
    expect((await slide(video(1))).queries).toHaveLength(2);
  });

  test('unstacked show one frame, count from 1 and have no heading', async () => {
    const { queries, requests } = await slide(video(2), { stacked: false });
    expect(queries[1]).toContain('Video frame 1 at 2.00 Second(s) and Video frame 2 at 4.00');
    expect(queries[2]).toMatch(/^Video frame 1 at 0\.00/);
    expect((requests[1]!.images![0] as RawPixels).height).toBe(2);
  });

  test('tell the times of the spacing', async () => {
    const frames = video(2);
    expect((await slide(frames, { seconds: 0.5 })).queries[1]).toContain(
      'frame 1 at 0.50 Second(s)',
    );
    expect(frames.asked).toEqual([0.5]);
  });

  test('need a frame', async () => {
    await expect(slide(video(0))).rejects.toThrow(NoFramesError);
  });

  test('stack frames fifty pixels apart on white', () => {
    const stacked = stackFrames(frame(1), frame(2));
    const row = (y: number) => stacked.data[y * 4 * 3];
    expect([stacked.width, stacked.height]).toEqual([4, 54]);
    expect([row(0), row(1), row(2), row(51), row(52), row(53)]).toEqual([1, 1, 255, 255, 2, 2]);
  });
});

describe('a fast caption', () => {
  test('comes from one look at a strip', async () => {
    const writer = scriptedWriter([' A film.[UNUSED_TOKEN_145]']);
    const { caption, warnings } = await captionVideoFast(writer, video(3));
    expect(caption).toBe('A film.');
    expect(warnings).toEqual([expect.stringContaining('no labels')]);
    expect(writer.requests.map(queryOf)).toEqual([
      'Here are a few key frames of a video, discribe this video in detail.',
    ]);
    expect(writer.requests[0]).toMatchObject({
      tiling: { hdNum: 16, padding: 'centred', enlargement: 'none' },
      settings: videoCaptionSettings,
    });
    expect(videoCaptionSettings).toMatchObject({
      beams: 3,
      sampling: 'greedy',
      repetitionPenalty: 1,
    });
  });

  test('leaves room for labels and separates the frames', () => {
    const plan = planFastStrip([
      { width: 640, height: 360 },
      { width: 320, height: 180 },
    ]);
    expect(plan).toEqual({
      width: 640 + 20 + 160,
      height: 360 + 20 + 180 + 20 + 20,
      frames: [
        { x: 160, y: 10 },
        { x: 160, y: 390 },
      ],
      labels: [
        { text: '<IMAGE 0>', x: 0, y: 190, size: 32 },
        { text: '<IMAGE 1>', x: 0, y: 480, size: 32 },
      ],
      separators: [380],
    });
  });

  test('draws labels with what it is given', () => {
    const drawn: string[] = [];
    const strip = paintFastStrip([frame(7), frame(8)], (_, { text }) => drawn.push(text));
    const at = (x: number, y: number) => strip.data[(y * strip.width + x) * 3];
    expect(drawn).toEqual(['<IMAGE 0>', '<IMAGE 1>']);
    expect([at(100, 10), at(104, 10), at(100, 32), at(0, 22), at(123, 23), at(0, 24)]).toEqual([
      ...[7, 255, 8, 0, 0, 255],
    ]);
  });
});
