import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  DamagedVideoError,
  DecoderFailedError,
  FfmpegMissingError,
  VideoLimitError,
} from '../errors.ts';
import type { VideoLimits } from '../limits.ts';
import { fixturePath } from '../test-support.ts';
import { openVideo } from '../video.ts';
import { type DecodeOptions, decodeFrames } from './decode-frames.ts';
import { findFfmpeg } from './find-ffmpeg.ts';

const path = fixturePath('video/numbered.mp4');
let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lingbi-test-'));
  vi.stubEnv('TMPDIR', folder); // where other tests leave nothing
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

// The decoders below are shell scripts.
describe.skipIf(process.platform === 'win32')('a decoder that', () => {
  test('hangs is ended at the limit, with every process that it started', async () => {
    const error = await failureOf('sleep 3600 & sleep 3600', { seconds: 3 });
    expect(error).toBeInstanceOf(VideoLimitError);
    expect(error).toMatchObject({ limit: 'seconds', allowed: 3 });
  });

  test('hangs and ignores being asked to stop is ended as well', async () => {
    const error = await failureOf("trap '' TERM INT HUP; while :; do sleep 3600; done", {
      seconds: 3,
    });
    expect(error).toBeInstanceOf(VideoLimitError);
  });

  test('dies tells what it said', async () => {
    const error = await failureOf('echo "no such codec" >&2; exit 3');
    expect(error).toBeInstanceOf(DecoderFailedError);
    expect(String(error)).toContain('ended with exit code 3. It said: no such codec');
  });

  test('is killed says by what', async () => {
    expect(String(await failureOf('kill -SEGV $$'))).toContain('was ended by SIGSEGV');
  });

  test('ends without a frame is a matter of the video', async () => {
    const error = await failureOf('exit 0');
    expect(error).toBeInstanceOf(DamagedVideoError);
    expect(error).toMatchObject({ missing: [0, 100] });
  });

  test('leaves a child behind leaves none', async () => {
    expect(await failureOf('sleep 3600 > /dev/null 2>&1 & exit 0')).toBeInstanceOf(
      DamagedVideoError,
    );
  });

  test('floods its output with rubbish is stopped at once', async () => {
    expect(String(await failureOf('yes'))).toContain('its output begins a frame with "y');
  });

  test('floods its complaints is bounded by time, and by memory', async () => {
    const error = await failureOf('yes "bad block" >&2', { seconds: 3 });
    expect(error).toBeInstanceOf(VideoLimitError);
  });

  test('claims an enormous frame gets no memory for it', async () => {
    const error = await failureOf("printf 'P6\\n60000 60000\\n255\\n'; sleep 3600");
    expect(error).toMatchObject({ limit: 'side', actual: 60_000 });
  });

  test('breaks off within a frame has failed', async () => {
    const error = await failureOf("printf 'P6\\n2 2\\n255\\nabc'");
    expect(String(error)).toContain('failed: its output breaks off within a frame');
  });

  test('hangs after the last frame is not waited for', async () => {
    const frames = "printf 'P6\\n1 1\\n255\\nabcP6\\n1 1\\n255\\ndef'; sleep 3600";
    expect(await failureOf(frames)).toBeUndefined();
  });

  test('is older than ffmpeg 5.1 is asked in its own words', async () => {
    const old = `case "$*" in
      *fps_mode*) echo "Unrecognized option 'fps_mode'." >&2; exit 1;;
      *) printf 'P6\\n1 1\\n255\\nabcP6\\n1 1\\n255\\ndef';;
    esac`;
    expect(await failureOf(old)).toBeUndefined();
  });

  test('cannot be run is an error that says so', async () => {
    const file = join(folder, 'ffmpeg');
    await writeFile(file, 'MZ no program');
    await chmod(file, 0o755);
    const video = await openVideo(path);
    const decoding = decodeFrames(video, [0], { ffmpeg: file }).next();
    await expect(decoding).rejects.toThrow(DecoderFailedError);
  });

  test('gets a demuxer by name and no protocol but files', async () => {
    const log = join(folder, 'arguments');
    await failureOf(`echo "$*" > ${log}`);
    const asked = await readFile(log, 'utf8');
    expect(asked).toContain('-protocol_whitelist file -f mov');
    expect(asked).toContain('-max_pixels 35389440');
    expect(asked).toMatch(/-i file:\//);
  });
});

describe('ffmpeg is looked for', () => {
  test('where the option says, and nowhere else', async () => {
    expect(await findFfmpeg(process.execPath)).toEqual({
      path: process.execPath,
      foundBy: 'option',
    });
    await expect(findFfmpeg('/nowhere/ffmpeg', { PATH: '' })).rejects.toThrow(
      'the option ffmpeg names /nowhere/ffmpeg, which is no program',
    );
  });

  test('where FFMPEG_PATH says', async () => {
    const environment = { FFMPEG_PATH: process.execPath, PATH: '' };
    expect(await findFfmpeg(undefined, environment)).toMatchObject({ foundBy: 'FFMPEG_PATH' });
    await expect(findFfmpeg(undefined, { FFMPEG_PATH: folder })).rejects.toThrow(
      'FFMPEG_PATH names',
    );
  });

  test('in PATH, and a missing one is an error that names the ways', async () => {
    const error = await findFfmpeg(undefined, { PATH: folder }).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(FfmpegMissingError);
    expect(String(error)).toMatch(/npm install ffmpeg-static.*FFMPEG_PATH.*the option ffmpeg/);
    const file = join(folder, process.platform === 'win32' ? 'ffmpeg.exe' : 'ffmpeg');
    await writeFile(file, '#!/bin/sh\n');
    await chmod(file, 0o755);
    expect(await findFfmpeg(undefined, { PATH: folder })).toEqual({
      path: file,
      foundBy: 'system',
    });
  });
});

/**
 * Decodes two frames of a video in memory with a shell script for a decoder. Whatever comes of it, no
 * process and no file may be left.
 */
async function failureOf(script: string, limits: Partial<VideoLimits> = {}): Promise<unknown> {
  const ffmpeg = join(folder, 'ffmpeg');
  const mark = `LINGBI_TEST=${folder}`;
  await writeFile(ffmpeg, `#!/bin/sh\nexport ${mark}\n${script}\n`);
  await chmod(ffmpeg, 0o755);
  const video = await openVideo(await readFile(path), { limits });
  const failure = await failureWith(video, { ffmpeg });
  // The kernel takes a moment to clear away what was killed.
  await vi.waitFor(() => expect(processesWith(mark)).toEqual([]), { timeout: 5000 });
  expect(await temporaryFolders()).toEqual([]);
  return failure;
}

async function failureWith(
  video: Awaited<ReturnType<typeof openVideo>>,
  options: DecodeOptions,
): Promise<unknown> {
  try {
    for await (const _ of decodeFrames(video, [0, 100], options));
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Processes that live and whose environment has the mark, which children inherit. */
function processesWith(mark: string): string[] {
  if (existsSync('/proc/self/environ')) {
    return readdirSync('/proc').filter(
      (pid) => /^\d+$/.test(pid) && environmentOf(pid).includes(mark),
    );
  }
  const table = execFileSync('ps', ['axeww', '-o', 'pid=,stat=,command=']).toString().split('\n');
  return table.filter((line) => line.includes(mark) && !/^\s*\d+\s+Z/.test(line));
}

function environmentOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    return ''; // it has ended, or belongs to somebody else
  }
}

async function temporaryFolders(): Promise<string[]> {
  return (await readdir(tmpdir())).filter((name) => name.startsWith('lingbi-video-'));
}
