import { describe, expect, test } from 'vitest';
import { roundHalfEven } from './round.ts';
import { sampleFrames } from './sample-frames.ts';
import type { Sampling } from './sampling.ts';
import { evenTimeline, frameAt } from './timeline.ts';

describe('rounding as Python does', () => {
  test.each([
    [0.5, 0],
    [1.5, 2],
    [2.5, 2],
    [12.5, 12],
    [13.5, 14],
    [23.976, 24],
    [29.97, 30],
  ])('%d becomes %d', (value, rounded) => {
    expect(roundHalfEven(value)).toBe(rounded);
  });
});

describe('frames of chat()', () => {
  // The table of spec PREPROCESS §6.1.
  test.each([
    [250, 25, 10, [0, 25, 50, 75, 100, 125], [175, 200, 225]],
    [900, 29.97, 30, [0, 30, 60, 90, 120, 150], [810, 840, 870]],
    [1500, 30, 32, [0, 30, 90, 120, 180, 210], [1290, 1350, 1380]],
    [7200, 23.976, 32, [0, 216, 432, 648, 864, 1080], [6312, 6528, 6744]],
    [90000, 25, 32, [0, 2725, 5450, 8175, 10900, 13625], [79075, 81800, 84525]],
    [1000, 12.5, 32, [0, 24, 60, 84, 120, 144], [876, 912, 936]],
  ])('of %d at %d a second: %d', (frames, rate, kept, first, last) => {
    const chosen = sampleFrames(evenTimeline(frames, rate), { kind: 'chat' });
    expect(chosen).toHaveLength(kept);
    expect(chosen.slice(0, 6)).toEqual(first);
    expect(chosen.slice(-3)).toEqual(last);
  });

  test('are all frames of a slideshow, with which the reference fails', () => {
    expect(sampleFrames(evenTimeline(4, 0.25), { kind: 'chat' })).toEqual([0, 1, 2, 3]);
  });

  test('can come from a stretch of the video', () => {
    const timeline = evenTimeline(300, 30);
    expect(sampleFrames(timeline, { kind: 'chat', start: 2, end: 5 })).toEqual([60, 90, 120]);
    expect(sampleFrames(timeline, { kind: 'chat', start: 9.5 })).toEqual([285]);
    expect(sampleFrames(timeline, { kind: 'chat', end: 1 })).toEqual([0]);
  });

  test('are fewer when fewer are asked for', () => {
    const chosen = sampleFrames(evenTimeline(1500, 30), { kind: 'chat', most: 4 });
    expect(chosen).toEqual([0, 300, 600, 900]);
  });
});

test('the demo looks half as often', () => {
  expect(sampleFrames(evenTimeline(250, 25), { kind: 'demo' })).toEqual([0, 50, 100, 150, 200]);
});

describe('clips of 16 frames', () => {
  const clips = (seconds: number, rest: object = {}): number[] =>
    sampleFrames(evenTimeline(seconds * 30, 30), { kind: 'clips', ...rest });

  test('are as many as 16 seconds fit, within bounds', () => {
    expect(clips(10)).toHaveLength(4 * 16);
    expect(clips(10, { fewest: 5 })).toHaveLength(5 * 16);
    expect(clips(100)).toHaveLength(6 * 16); // 6.25
    expect(clips(3600)).toHaveLength(32 * 16);
    expect(clips(3600, { fewest: 4, most: 4 })).toHaveLength(4 * 16);
  });

  test('lie in the middle of equal segments', () => {
    // 129 frames, one clip: segments of 8, whose edges are 0, 8, 16 …
    const timeline = evenTimeline(129, 8);
    const chosen = sampleFrames(timeline, { kind: 'clips', fewest: 1, most: 1 });
    expect(chosen).toEqual(Array.from({ length: 16 }, (_, i) => 4 + 8 * i));
    // 25 frames: segments of 1.5; edges 0, 2, 3, 4, 6, 8, 9, … rounded half to even
    const short = sampleFrames(evenTimeline(25, 25), { kind: 'clips', fewest: 1, most: 1 });
    expect(short.slice(0, 6)).toEqual([1, 2, 3, 5, 7, 8]);
  });

  test('are thinned to the first, the last and what lies evenly between', () => {
    const all = clips(3600);
    const thinned = clips(3600, { thinTo: 64 });
    expect(thinned).toHaveLength(64);
    expect([thinned[0], thinned[1], thinned[63]]).toEqual([all[0], all[8], all[511]]);
  });
});

describe('other samplings', () => {
  const timeline = evenTimeline(100, 10);
  const sample = (sampling: Sampling): number[] => sampleFrames(timeline, sampling);

  test('all frames, thinned as VLMEvalKit does', () => {
    expect(sample({ kind: 'all' }).slice(0, 6)).toEqual([0, 1, 3, 4, 6, 7]);
    expect(sample({ kind: 'all' }).at(-1)).toBe(98);
    expect(sample({ kind: 'all', end: 1 })).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test('a frame every two seconds for captions', () => {
    expect(sample({ kind: 'caption' })).toEqual([0, 20, 40, 60, 80]);
    expect(sampleFrames(evenTimeline(180, 29.97), { kind: 'caption' })).toEqual([0, 59, 118, 177]);
  });

  test('the frames on the screen at given times, in the order of the times', () => {
    expect(sample({ kind: 'times', seconds: [9.99, 0, 0.3, 0.35] })).toEqual([99, 0, 3, 3]);
    expect(sample({ kind: 'times', seconds: [10] })).toEqual([99]);
  });

  test('so many frames a second, each at most once', () => {
    expect(sample({ kind: 'rate', framesPerSecond: 1 })).toEqual([
      0, 10, 20, 30, 40, 50, 60, 70, 80, 90,
    ]);
    expect(sample({ kind: 'rate', framesPerSecond: 1000, end: 0.3 })).toEqual([0, 1, 2]);
    expect(sample({ kind: 'rate', framesPerSecond: 2, start: 9 })).toEqual([90, 95]);
    expect(sample({ kind: 'rate', framesPerSecond: 1, most: 3 })).toEqual([0, 30, 60]);
  });

  test('a rate over uneven frames takes what the screen shows', () => {
    const uneven = { timestamps: [0, 0.1, 0.2, 3.5, 3.6], framesPerSecond: 1.25, duration: 4 };
    expect(sampleFrames(uneven, { kind: 'rate', framesPerSecond: 1 })).toEqual([0, 2]);
  });

  test('a rate over a frame that stands for a century costs no time', () => {
    const claim = { timestamps: [0, 1, 4e9], framesPerSecond: 1e-9, duration: 4e9 + 1 };
    expect(sampleFrames(claim, { kind: 'rate', framesPerSecond: 30 })).toEqual([0, 1, 2]);
  });

  test('a count of frames, or what there is', () => {
    expect(sample({ kind: 'count', count: 4 })).toEqual([0, 25, 50, 75]);
    expect(sample({ kind: 'count', count: 3, start: 5 })).toEqual([50, 66, 83]);
    expect(sample({ kind: 'count', count: 1000 })).toHaveLength(100);
  });

  test('very frames', () => {
    expect(sample({ kind: 'frames', frames: [7, 3, 7] })).toEqual([7, 3, 7]);
  });

  test.each<[Sampling, string]>([
    [{ kind: 'frames', frames: [100] }, 'sampling frame 100: the video has frames 0 to 99'],
    [{ kind: 'frames', frames: [0.5] }, 'sampling frame 0.5'],
    [{ kind: 'times', seconds: [11] }, 'sampling a frame at 11 s: the video lasts from 0 to 10 s'],
    [{ kind: 'times', seconds: [NaN] }, 'sampling a frame at NaN s'],
    [{ kind: 'rate', framesPerSecond: 0 }, 'sampling 0 frames a second'],
    [{ kind: 'count', count: 0 }, 'sampling with count of 0'],
    [{ kind: 'chat', most: 1.5 }, 'sampling with most of 1.5'],
    [{ kind: 'chat', start: 5, end: 5 }, 'sampling from 5 s to 5 s: no frame lies between'],
    [{ kind: 'clips', fewest: 5, most: 4 }, 'at least 5 and at most 4 clips'],
  ])('%j cannot be had', (sampling, problem) => {
    expect(() => sample(sampling)).toThrow(problem);
  });

  test('a misspelled kind is an error', () => {
    expect(() => sample({ kind: 'chta' } as unknown as Sampling)).toThrow('sampling by chta');
  });
});

test('between two frames the first of them is on the screen', () => {
  const timeline = { timestamps: [0, 0.04, 0.5], framesPerSecond: 3, duration: 1 };
  expect([0, 0.039, 0.04, 0.4, 0.5, 9].map((time) => frameAt(timeline, time))).toEqual([
    0, 0, 1, 1, 2, 2,
  ]);
});
