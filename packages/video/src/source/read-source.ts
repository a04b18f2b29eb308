import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadBytes, type Media } from '@lingbi/vision';
import { NotAVideoError, VideoNotReadableError } from '../errors.ts';
import { checkLimit, type Reading } from '../reading.ts';
import { asVideoError } from './as-video-error.ts';
import type { VideoBytes, VideoSource } from './video-source.ts';

const videos: Media = {
  noun: 'video',
  accept: 'video/*',
  types: /^((video|application)\/.*|binary\/octet-stream)$/,
};

/** Finds a video's bytes: a file stays where it is, everything else is held in memory. */
export async function readSource(source: VideoSource, reading: Reading): Promise<VideoBytes> {
  if (typeof source === 'string') return readString(source, reading);
  if (source instanceof URL) return readString(source.href, reading);
  if (source instanceof Blob) return inMemory(source, reading);
  checkLimit(reading, 'bytes', source.byteLength);
  return inMemory(new Blob([source]), reading);
}

async function readString(text: string, reading: Reading): Promise<VideoBytes> {
  if (/^data:/i.test(text)) return load(text, reading);
  // A drive letter has one character, a scheme has more.
  const scheme = /^([a-z][a-z\d+.-]+):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) return readFile(resolve(text), reading);
  if (!URL.canParse(text)) throw badAddress(reading, 'it is not a valid address');
  if (scheme === 'file') return readFile(pathOf(text, reading), reading);
  if (scheme === 'http' || scheme === 'https') return load(text, reading);
  throw badAddress(reading, `addresses of ${scheme}: are not read`);
}

function pathOf(address: string, reading: Reading): string {
  try {
    return fileURLToPath(address);
  } catch {
    throw badAddress(reading, 'it is not the address of a file on this machine');
  }
}

async function load(address: string, reading: Reading): Promise<VideoBytes> {
  const { limits, signal, web } = reading;
  try {
    const bytes = await loadBytes(address, { media: videos, web, limit: limits.bytes, signal });
    return inMemory(new Blob([bytes]), reading);
  } catch (error) {
    throw asVideoError(error, reading);
  }
}

function inMemory(blob: Blob, reading: Reading): VideoBytes {
  checkLimit(reading, 'bytes', blob.size);
  if (blob.size === 0) throw new NotAVideoError(reading.name, 'it is empty');
  return { kind: 'memory', blob };
}

/** Makes sure that there is a file to be read: not a folder, nor a pipe that nobody writes to. */
async function readFile(path: string, reading: Reading): Promise<VideoBytes> {
  try {
    await using file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const facts = await file.stat();
    if (!facts.isFile()) throw notReadable(reading, 'EISDIR', 'it is not a file');
    if (facts.size === 0) throw new NotAVideoError(reading.name, 'it is empty');
    return { kind: 'file', path };
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === undefined || cause instanceof VideoNotReadableError) throw cause;
    const problem = code === 'ENOENT' ? 'there is no such file' : `it cannot be opened (${code})`;
    throw notReadable(reading, code, problem, cause);
  }
}

function notReadable(
  reading: Reading,
  code: string,
  problem: string,
  cause?: unknown,
): VideoNotReadableError {
  return new VideoNotReadableError(
    reading.name,
    code,
    `${problem}. Give the path of a video file`,
    cause === undefined ? undefined : { cause },
  );
}

function badAddress(reading: Reading, problem: string): VideoNotReadableError {
  return new VideoNotReadableError(
    reading.name,
    'ERR_ADDRESS',
    `${problem}. Give a path, or an address of file:, data:, http: or https:`,
  );
}
