import { createWriteStream, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { atExit } from '../at-exit.ts';
import type { VideoBytes } from './video-source.ts';

/** A path that is good until it is disposed of. */
export interface BorrowedFile extends AsyncDisposable {
  readonly path: string;
}

/**
 * The video as a file. ffmpeg has to jump about in it, which no pipe allows, so a video in memory
 * gets a temporary one. It goes when the file is disposed of, and when the process exits before.
 */
export async function borrowFile(video: VideoBytes, signal: AbortSignal): Promise<BorrowedFile> {
  if (video.kind === 'file') return { path: video.path, async [Symbol.asyncDispose]() {} };
  const folder = await mkdtemp(join(tmpdir(), 'lingbi-video-'));
  const exit = atExit(() => rmSync(folder, { recursive: true, force: true }));
  const remove = async (): Promise<void> => {
    await rm(folder, { recursive: true, force: true });
    exit[Symbol.dispose]();
  };
  const path = join(folder, 'video');
  try {
    const bytes = Readable.fromWeb(video.blob.stream() as Parameters<typeof Readable.fromWeb>[0]);
    await pipeline(bytes, createWriteStream(path, { mode: 0o600 }), { signal });
  } catch (error) {
    await remove();
    throw error;
  }
  return { path, [Symbol.asyncDispose]: remove };
}
