import { UnsafeFileNameError } from '../errors.ts';

/** NAME_MAX of Linux, macOS and NTFS; counted in bytes of UTF-8, which is the strictest of the three. */
const MAX_NAME_BYTES = 255;
/** What remains of a PATH_MAX of 1,024 (macOS) for the cache folder itself is left to the user. */
const MAX_PATH_BYTES = 512;

// Windows opens the device whatever the extension.
const deviceName = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
const forbidden = /[\u0000-\u001f\u007f\\:*?"<>|]/;

/**
 * Refuses names that would leave the snapshot folder, or mean something else on another system. The
 * rules of all systems hold on each: caches are copied.
 *
 * @throws UnsafeFileNameError
 */
export function requireSafePath(path: string): void {
  const problem = problemOf(path);
  if (problem) throw new UnsafeFileNameError(path, problem);
}

/**
 * Refuses lists in which two names are one file on some system, or a name is also a folder.
 *
 * @throws UnsafeFileNameError
 */
export function requireDistinctPaths(paths: readonly string[]): void {
  const seen = new Set<string>();
  const folders = new Set(paths.flatMap(parentsOf));
  for (const path of paths) {
    const key = sameNameKey(path);
    if (seen.has(key)) throw new UnsafeFileNameError(path, 'another file has the same name');
    if (folders.has(key)) throw new UnsafeFileNameError(path, 'it is a file and also a folder');
    seen.add(key);
  }
}

/** A branch, tag or commit that can also be the name of a file below `refs/`. */
export function isRevision(revision: string): boolean {
  return problemOf(revision) === undefined;
}

function problemOf(path: string): string | undefined {
  if (path === '') return 'the name is empty';
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) return `it is longer than ${MAX_PATH_BYTES} bytes`;
  if (/\p{Surrogate}/u.test(path)) return 'it is not valid Unicode';
  if (forbidden.test(path)) return 'it contains a character that some system does not allow';
  if (path.startsWith('/')) return 'it is an absolute path';
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.' || segment === '..') return 'it is not a plain path';
    if (Buffer.byteLength(segment) > MAX_NAME_BYTES) return 'a part of it is too long';
    if (/[. ]$/.test(segment)) return 'a part of it ends in a dot or space';
    if (deviceName.test(segment)) return 'a part of it is the name of a device on Windows';
  }
  return undefined;
}

function parentsOf(path: string): string[] {
  const segments = path.split('/');
  return segments.slice(1).map((_, index) => sameNameKey(segments.slice(0, index + 1).join('/')));
}

/** Windows and macOS ignore case, macOS also how accents are composed. */
function sameNameKey(path: string): string {
  return path.normalize('NFC').toLowerCase();
}
