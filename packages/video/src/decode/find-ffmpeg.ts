import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { delimiter, isAbsolute, join } from 'node:path';
import { FfmpegMissingError } from '../errors.ts';

/** An ffmpeg, and how it was found. */
export interface Ffmpeg {
  readonly path: string;
  readonly foundBy: 'option' | 'FFMPEG_PATH' | 'ffmpeg-static' | 'system';
}

/** What of the process's environment matters. */
export interface FfmpegEnvironment {
  readonly FFMPEG_PATH?: string | undefined;
  readonly PATH?: string | undefined;
}

/**
 * Looks for ffmpeg: the path that is given, then `FFMPEG_PATH`, then the package ffmpeg-static (whose
 * file is missing where install scripts are off), then the system's. A path that somebody named and
 * that is not there is an error: the next one might be another version.
 *
 * @throws FfmpegMissingError naming the ways to have one.
 */
export async function findFfmpeg(
  given?: string,
  environment: FfmpegEnvironment = process.env,
): Promise<Ffmpeg> {
  if (given !== undefined) {
    return { path: await named(given, 'the option ffmpeg', environment), foundBy: 'option' };
  }
  const { FFMPEG_PATH } = environment;
  if (FFMPEG_PATH) {
    return { path: await named(FFMPEG_PATH, 'FFMPEG_PATH', environment), foundBy: 'FFMPEG_PATH' };
  }
  const packaged = packagedFfmpeg();
  if (packaged && (await isProgram(packaged))) return { path: packaged, foundBy: 'ffmpeg-static' };
  const path = await inPath('ffmpeg', environment);
  if (path) return { path, foundBy: 'system' };
  throw new FfmpegMissingError([
    'FFMPEG_PATH is not set',
    packaged ? `ffmpeg-static has no file ${packaged}` : 'ffmpeg-static is not installed',
    'there is no ffmpeg in PATH',
  ]);
}

async function named(path: string, where: string, environment: FfmpegEnvironment): Promise<string> {
  const found = /[\\/]/.test(path)
    ? (await isProgram(path)) && path
    : await inPath(path, environment);
  if (found) return found;
  throw new FfmpegMissingError([`${where} names ${path}, which is no program`]);
}

async function inPath(name: string, { PATH = '' }: FfmpegEnvironment): Promise<string | undefined> {
  const file = process.platform === 'win32' && !/\.exe$/i.test(name) ? `${name}.exe` : name;
  for (const folder of PATH.split(delimiter)) {
    // An empty or relative folder would run whatever lies where the process happens to be.
    if (isAbsolute(folder) && (await isProgram(join(folder, file)))) return join(folder, file);
  }
  return undefined;
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

/** The path that ffmpeg-static states, whether its file was downloaded or not. */
function packagedFfmpeg(): string | undefined {
  try {
    const path: unknown = createRequire(import.meta.url)('ffmpeg-static');
    return typeof path === 'string' ? path : undefined;
  } catch {
    return undefined;
  }
}
