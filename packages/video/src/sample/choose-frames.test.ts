import { describe, expect, test } from 'vitest';
import { TooManyFramesError } from '../errors.ts';
import { planVideo } from '../plan-video.ts';
import { fixturePath } from '../test-support.ts';
import { openVideo, type Video } from '../video.ts';
import { type ChooseFramesOptions, chooseFrames } from './choose-frames.ts';
import { sampleAtMost } from './thin-sampling.ts';
import { evenTimeline } from './timeline.ts';

const path = fixturePath('video/numbered.mp4');

describe('frames that do not fit the prompt', () => {
  test('are an error that says how many do, before anything is decoded', async () => {
    const error = failureOf(await openVideo(path), { maxTokens: 2000 });
    expect(error).toBeInstanceOf(TooManyFramesError);
    expect(error).toMatchObject({ frames: 12, tokens: 3781, maxTokens: 2000, fit: 4 });
    expect(String(error)).toContain(
      "12 frames would take 3781 positions of the prompt, and there is room for 2000. At most 4 frames fit. Sample no more, or let frames be left out with tooManyFrames: 'thin'",
    );
  });

  test('are thinned on request, by the rule that chose them', async () => {
    const video = await openVideo(path);
    const frames = chooseFrames(video, { maxTokens: 2000, tooManyFrames: 'thin' });
    expect(frames).toEqual([0, 48, 96, 168]);
    expect(planVideo(video.facts, 4).strip.tokens).toBeLessThanOrEqual(2000);
    expect(planVideo(video.facts, 5).strip.tokens).toBeGreaterThan(2000);
  });

  test('are an error in any case when not even one fits', async () => {
    const error = failureOf(await openVideo(path), { maxTokens: -7, tooManyFrames: 'thin' });
    expect(error).toMatchObject({ fit: 0 });
    expect(String(error)).toContain('there is room for 0. Not even one frame fits');
  });

  test('are counted down where fewer standing frames take more room', async () => {
    const standing = { ...(await openVideo(path)) };
    const video = { ...standing, facts: { ...standing.facts, width: 72, height: 128 } };
    for (let count = 1; count <= 12; count++) {
      for (let maxTokens = 1261; maxTokens < 3000; maxTokens += 107) {
        const sampling = { kind: 'count', count } as const;
        const frames = chooseFrames(video, { sampling, maxTokens, tooManyFrames: 'thin' });
        expect(planVideo(video.facts, frames.length).strip.tokens).toBeLessThanOrEqual(maxTokens);
      }
    }
  });

  test('and a word that is none is a TypeError', async () => {
    const tooManyFrames = 'drop' as 'thin';
    expect(failureOf(await openVideo(path), { maxTokens: 2000, tooManyFrames })).toBeInstanceOf(
      TypeError,
    );
  });
});

test('what fits stays as it is', async () => {
  const video = await openVideo(path);
  expect(chooseFrames(video, { maxTokens: 3781 })).toEqual(chooseFrames(video));
});

describe('at most so many frames', () => {
  const minute = evenTimeline(1800, 30);
  test.each([
    [{ kind: 'chat' }, [0, 360, 720, 1080]],
    [{ kind: 'all' }, [0, 450, 900, 1350]],
    [{ kind: 'count', count: 9 }, [0, 450, 900, 1350]],
    [{ kind: 'frames', frames: [1, 2, 3, 4, 5, 6, 7] }, [1, 3, 5, 7]],
    [{ kind: 'times', seconds: [0, 1, 2, 3, 4] }, [0, 30, 60, 120]],
  ] as const)('by the rule %j', (sampling, frames) => {
    expect(sampleAtMost(minute, sampling, 4)).toEqual(frames);
  });

  test('of clips are spread from the first to the last', () => {
    const frames = sampleAtMost(minute, { kind: 'clips' }, 4);
    expect([frames[0], frames.at(-1), frames.length]).toEqual([14, 1785, 4]);
  });

  test('none at all is an error', () => {
    expect(() => sampleAtMost(minute, { kind: 'chat' }, 0)).toThrow('allow at least one');
  });
});

function failureOf(video: Video, options: ChooseFramesOptions): unknown {
  try {
    chooseFrames(video, options);
    return undefined;
  } catch (error) {
    return error;
  }
}
