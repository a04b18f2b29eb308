import { constants, type FileHandle, open } from 'node:fs/promises';
import { PictureNotReadableError } from '../errors.ts';
import { checkLimit, type Reading } from '../reading.ts';

/** Reads a whole file, once its size is known to be within the limit. */
export async function bytesOfFile(path: string | URL, reading: Reading): Promise<Uint8Array> {
  const file = await openFile(path, reading);
  try {
    const facts = await file.stat();
    if (!facts.isFile()) throw notReadable(reading, 'EISDIR', 'it is not a file');
    checkLimit(reading, 'bytes', facts.size);
    return await readAtMost(file, facts.size, reading);
  } finally {
    await file.close();
  }
}

async function openFile(path: string | URL, reading: Reading): Promise<FileHandle> {
  try {
    // Without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever.
    return await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'EIO';
    const problem = code === 'ENOENT' ? 'there is no such file' : `it cannot be opened (${code})`;
    throw notReadable(reading, code, problem, cause);
  }
}

/** Reads what `stat` promised, so that a growing file does not outgrow the limit. */
async function readAtMost(file: FileHandle, size: number, reading: Reading): Promise<Uint8Array> {
  const bytes = new Uint8Array(size);
  let length = 0;
  while (length < size) {
    reading.signal.throwIfAborted();
    const { bytesRead } = await file.read(bytes, length, size - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return bytes.subarray(0, length);
}

function notReadable(
  reading: Reading,
  code: string,
  problem: string,
  cause?: unknown,
): PictureNotReadableError {
  return new PictureNotReadableError(
    reading.name,
    code,
    `${problem}. Give the path of a picture file`,
    cause === undefined ? undefined : { cause },
  );
}
