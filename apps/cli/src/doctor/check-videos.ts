import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findFfmpeg } from '@lingbi/video';
import { type Check, failed } from './check.ts';

/** Only videos need ffmpeg. */
export async function checkVideos(): Promise<Check> {
  try {
    const { path, foundBy } = await findFfmpeg();
    const { stdout } = await promisify(execFile)(path, ['-version'], { timeout: 20_000 });
    const [version = ''] = stdout.split(/ Copyright|\n/);
    return { name: 'videos', state: 'good', detail: `${version} (${path}, by ${foundBy})` };
  } catch (error) {
    return failed('videos', 'missing', error);
  }
}
