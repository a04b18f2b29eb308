import { type FileHandle, open } from 'node:fs/promises';
import type { VideoBytes } from './video-source.ts';

/** Bytes anywhere in a video. */
export interface ByteAccess extends AsyncDisposable {
  readonly size: number;
  /** The bytes from `start` to before `end`, fewer where the video ends. */
  read(start: number, end: number): Promise<Uint8Array>;
}

/** Opens a video for reading anywhere; every read ends with the signal. */
export async function openBytes(video: VideoBytes, signal: AbortSignal): Promise<ByteAccess> {
  return video.kind === 'file' ? openFile(video.path, signal) : openBlob(video.blob, signal);
}

async function openFile(path: string, signal: AbortSignal): Promise<ByteAccess> {
  const file = await open(path, 'r');
  const { size } = await file.stat();
  return {
    size,
    read: (start, end) => readFully(file, start, Math.min(end, size), signal),
    [Symbol.asyncDispose]: () => file.close(),
  };
}

async function readFully(
  file: FileHandle,
  start: number,
  end: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(Math.max(end - start, 0));
  let length = 0;
  while (length < bytes.length) {
    signal.throwIfAborted();
    const { bytesRead } = await file.read(bytes, length, bytes.length - length, start + length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return bytes.subarray(0, length);
}

function openBlob(blob: Blob, signal: AbortSignal): ByteAccess {
  return {
    size: blob.size,
    async read(start, end) {
      signal.throwIfAborted();
      return new Uint8Array(await blob.slice(start, end).arrayBuffer());
    },
    async [Symbol.asyncDispose]() {},
  };
}
