import { existsSync, rmSync } from 'node:fs';
import { type FileHandle, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
  const file = await temporaryFile();
  try {
    const bytes = video.blob.stream() as AsyncIterable<Uint8Array>;
    await writeFile(file.handle, bytes, { signal });
  } catch (error) {
    await file[Symbol.asyncDispose]();
    throw error;
  }
  return file;
}

interface TemporaryFile extends BorrowedFile {
  readonly handle: FileHandle;
}

async function temporaryFile(): Promise<TemporaryFile> {
  const folder = await mkdtemp(join(tmpdir(), 'lingbi-video-'));
  const exit = atExit(() => rmSync(folder, { recursive: true, force: true }));
  const remove = async (): Promise<void> => {
    await rm(folder, { recursive: true, force: true });
    exit[Symbol.dispose]();
  };
  const named = join(folder, 'video');
  const handle = await open(named, 'wx+', 0o600);
  // Linux reaches an open file without a name: nothing is left, even of a process that is killed.
  const nameless = `/proc/${process.pid}/fd/${handle.fd}`;
  const isReachable = existsSync(nameless);
  if (isReachable) await remove();
  return {
    handle,
    path: isReachable ? nameless : named,
    async [Symbol.asyncDispose]() {
      await handle.close();
      if (!isReachable) await remove();
    },
  };
}
