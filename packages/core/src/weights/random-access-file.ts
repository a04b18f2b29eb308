import { constants } from 'node:buffer';
import { type FileHandle, open } from 'node:fs/promises';
import { CheckpointError } from './errors.ts';

/** A file that can be read at any place. Knows nothing of what is in it. */
export interface RandomAccessFile extends AsyncDisposable {
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /** What gives a whole file when this one is cut off. */
  readonly remedy: string;
  /**
   * A new array with exactly these bytes.
   *
   * @throws CheckpointError when the file ends before.
   */
  read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array>;
}

// One read call takes at most 2 GiB; smaller pieces let an abort take effect soon.
const PIECE_BYTES = 16 * 1024 * 1024;

export const DOWNLOAD_AGAIN = 'Download it again';

/** Files mostly come from a hub; whoever opens one that was made otherwise says what makes it again. */
export async function openFile(
  path: string,
  remedy: string = DOWNLOAD_AGAIN,
): Promise<RandomAccessFile> {
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    return {
      path,
      size,
      remedy,
      read: (offset, length, signal) =>
        readRange(handle, { path, size, remedy, offset, length }, signal),
      [Symbol.asyncDispose]: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

interface Range {
  readonly path: string;
  readonly size: number;
  readonly remedy: string;
  readonly offset: number;
  readonly length: number;
}

async function readRange(
  handle: FileHandle,
  range: Range,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  checkRange(range);
  const bytes = new Uint8Array(range.length);
  let done = 0;
  while (done < range.length) {
    signal?.throwIfAborted();
    const piece = Math.min(PIECE_BYTES, range.length - done);
    const { bytesRead } = await handle.read(bytes, done, piece, range.offset + done);
    if (bytesRead === 0) throw endsTooEarly(range, range.offset + done);
    done += bytesRead;
  }
  signal?.throwIfAborted();
  return bytes;
}

function checkRange(range: Range): void {
  if (range.offset + range.length > range.size) throw endsTooEarly(range, range.size);
  if (range.length <= constants.MAX_LENGTH) return;
  throw new CheckpointError(
    'over-limit',
    `${range.length} bytes do not fit one array, which here holds ${constants.MAX_LENGTH}`,
    { file: range.path },
  );
}

function endsTooEarly({ path, remedy, offset, length }: Range, end: number): CheckpointError {
  return new CheckpointError(
    'truncated',
    `bytes ${offset} to ${offset + length} are needed, but it ends at ${end}. ${remedy}`,
    { file: path },
  );
}
