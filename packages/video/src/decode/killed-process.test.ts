import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fixturePath } from '../test-support.ts';

let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lingbi-test-'));
});
afterEach(() => rm(folder, { recursive: true }));

// It looks for processes in /proc.
describe.skipIf(process.platform !== 'linux')('a process that decodes and is ended by', () => {
  test.each(['SIGKILL', 'SIGTERM', 'SIGINT'] as const)(
    '%s leaves no decoder and no file',
    async (signal) => {
      const decoder = join(folder, 'ffmpeg');
      // As ffmpeg does, it tells its progress and ends when nobody can read it.
      const script = `echo ready > ${folder}/ready; while echo progress >&3; do sleep 0.1; done`;
      await writeFile(decoder, `#!/bin/sh\n${script}\n`);
      await chmod(decoder, 0o755);
      const child = startDecoding(decoder);
      await until(() => existsSync(join(folder, 'ready')));
      expect(processesWith(folder).length).toBeGreaterThan(1);
      child.kill(signal);
      await once(child, 'exit');
      await until(() => processesWith(folder).length === 0);
      const left = (await readdir(folder)).filter((name) => name.startsWith('lingbi-video-'));
      expect(left).toEqual([]);
    },
  );
});

/** Another process that decodes a video in memory, with its temporary files in the test's folder. */
function startDecoding(ffmpeg: string) {
  const code = `
    import { readFile } from 'node:fs/promises';
    import { decodeFrames, openVideo } from ${JSON.stringify(new URL('../index.ts', import.meta.url).href)};
    const video = await openVideo(await readFile(${JSON.stringify(fixturePath('video/numbered.mp4'))}));
    for await (const _ of decodeFrames(video, [0, 100], { ffmpeg: ${JSON.stringify(ffmpeg)} }));`;
  const typescript = ['--import', 'tsx', '--conditions=lingbi:source', '--input-type=module'];
  return spawn(process.execPath, [...typescript, '-e', code], {
    env: { ...process.env, TMPDIR: folder },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

/** Processes that live and whose environment has the mark, which children inherit. */
function processesWith(mark: string): string[] {
  return readdirSync('/proc').filter(
    (pid) => /^\d+$/.test(pid) && environmentOf(pid).includes(`TMPDIR=${mark}`),
  );
}

function environmentOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    return ''; // it has ended, or belongs to somebody else
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}
