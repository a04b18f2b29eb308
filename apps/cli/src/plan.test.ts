import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type KvFormat, referenceBackend } from '@lingbi/core';
import { describeCheckpoint } from '@lingbi/tasks';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { planResult } from './plan/plan-result.ts';
import { printPlan } from './plan/print-plan.ts';
import { hasFfmpeg } from './test-support/has-ffmpeg.ts';
import { eventsOf, fixture, lingbi, microModel } from './test-support/run-lingbi.ts';

const plan = ['plan', ...microModel];
const clip = fixture('demo/clip.mp4');

describe('lingbi plan', () => {
  let folder: string;
  let square: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lingbi-plan-'));
    square = join(folder, 'square.bmp');
    await writeFile(square, blackPicture(560));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test('counts as many tokens of a picture and a video as a chat with them takes', async (context) => {
    context.skip(!(await hasFfmpeg()), 'there is no ffmpeg');
    const media = ['--image', square, '--video', clip];
    const planned = await lingbi([...plan, ...media, '--json']);
    const words = ['chat', ...microModel, ...media, '--max-new-tokens', '1', '--json', 'Hello'];
    const end = eventsOf(await lingbi(words)).find(({ type }) => type === 'end')!;
    const [done, ...more] = eventsOf(planned);
    const { segments, promptTokens, positions } = done!;
    const [picture, video, text] = segments;
    expect({ code: planned.code, more }).toEqual({ code: 0, more: [] });
    expect(picture).toEqual({ type: 'picture', name: square, tokens: 841 });
    expect(text).toEqual({ type: 'text', tokens: 192 });
    expect(picture.tokens + video.tokens).toBe(end['usage'].imageTokens);
    expect({ promptTokens, positions }).toEqual({
      promptTokens: 841 + video.tokens + 192,
      positions: promptTokens + 1024,
    });
  });

  test('takes sizes for pictures and videos, and shows people a table', async () => {
    const words = ['--image', '640x480', '--video', '8@1280x720', '--hd-num', '24'];
    const { code, stdout, stderr } = await lingbi([...plan, ...words, '--text-tokens', '7']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^ {2}picture 640x480 +2,061$/m); // spec MODEL §9
    expect(stdout).toMatch(/^ {2}video 8@1280x720 +\d,\d{3}$/m);
    expect(stdout).toMatch(/^ {2}keys and values in float32 +[\d.]+ MiB$/m);
    expect(stdout).toMatch(/^ {2}--max-new-tokens +[\d,]+$/m);
    expect(stdout).toMatch(/\nIt fits\.\n$/);
  });

  test('ends with 4 when it does not fit, and with the named setting lowered it fits', async () => {
    const words = [...plan, '--backend', 'reference', '--image', '560x560', '--json'];
    const much = ['--memory-budget', '250 MiB', '--max-new-tokens'];
    const refused = await lingbi([...words, ...much, '1000000']);
    expect(refused.code).toBe(4);
    const [{ fits, peak, advice } = {} as never] = eventsOf(refused);
    expect(fits).toBe(false);
    expect(peak).toBeGreaterThan(250 * 2 ** 20);
    const [{ setting, value }, ...more] = advice;
    expect({ setting, more }).toEqual({ setting: 'maxNewTokens', more: [] });
    expect((await lingbi([...words, ...much, `${value}`])).code).toBe(0);
    expect((await lingbi([...words, ...much, `${value + 1}`])).code).toBe(4);
  });

  test('tells people which option to lower', async () => {
    const words = ['--memory-budget', '400 MiB', '--max-new-tokens', '2000000'];
    const { code, stdout } = await lingbi([...plan, ...words]);
    expect(code).toBe(4);
    expect(stdout).toMatch(
      /It does not fit: it needs .+ Set --max-new-tokens to \d+, or --memory-/,
    );
  });

  test('tells people that keys and values in int8 would fit', async () => {
    const described = await describeCheckpoint(microModel[1]!, { backend: referenceBackend });
    const position = (_: unknown, kv: KvFormat) => (kv === 'int8' ? 1 : 4096);
    const model = { ...described, memory: { ...described.memory, position } };
    const asked = { media: [], textTokens: 7, maxNewTokens: 2 ** 18, beams: 1 };
    const result = planResult(model, { ...asked, adapter: 'base' }, 400 * 2 ** 20);
    expect(result.advice).toContainEqual({ setting: 'kv', value: 'int8' });
    expect(printPlan(result)).toMatch(/Set .+, or --kv to int8, or --memory-budget to /);
  });

  test.each([
    ['a budget that is no size', ['--memory-budget', 'much'], 'a size like "8 GiB"'],
    ['a video without frames', ['--video', '0@1280x720'], 'at least 1'],
  ])('ends with 2 for %s', async (_, words, message) => {
    const { code, stdout, stderr } = await lingbi([...plan, ...words]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
  });
});

/** A BMP of 24 bits a pixel; `side` is a multiple of 4, so that rows need no filling. */
function blackPicture(side: number): Uint8Array {
  const file = Buffer.alloc(54 + 3 * side * side);
  file.write('BM', 'latin1');
  file.writeUInt32LE(file.length, 2);
  file.writeUInt32LE(54, 10);
  file.writeUInt32LE(40, 14);
  file.writeInt32LE(side, 18);
  file.writeInt32LE(side, 22);
  file.writeUInt16LE(1, 26);
  file.writeUInt16LE(24, 28);
  return file;
}
