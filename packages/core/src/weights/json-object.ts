import { CheckpointError, quoted } from './errors.ts';
import type { CheckpointLimits } from './limits.ts';

// A header is 3 deep: { name: { shape: [ … ] } }, an index 2. One more, for what others may add.
const MAX_DEPTH = 4;
// In characters, of one list. 64 dimensions of 16 digits take 1,100; the rest is for white space.
const MAX_LIST_LENGTH = 4_096;
const NUMBERS = /^[\d\s,.eE+-]*$/;

/**
 * The entries of a JSON object, in a Map because its keys come from strangers (`__proto__` is a key
 * like any other there).
 *
 * @throws CheckpointError when the bytes are not UTF-8, not JSON, not an object, give a key twice, nest
 *   deeply or list anything but some numbers, which headers and indexes do not; when they have more
 *   keys than `limits` allow.
 */
export function parseJsonObject(
  bytes: Uint8Array,
  file: string,
  limits: CheckpointLimits,
): Map<string, unknown> {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    const keys = checkStructure(text, limits.jsonKeys);
    if (keys > limits.jsonKeys) throw tooManyKeys(limits, file);
    const entries = entriesOf(JSON.parse(text));
    if (!entries) throw new SyntaxError('it is not an object');
    return entries;
  } catch (cause) {
    if (cause instanceof CheckpointError) throw cause;
    const detail = cause instanceof Error ? cause.message.slice(0, 200) : String(cause);
    throw new CheckpointError('malformed', `its JSON is not sound: ${detail}`, { file, cause });
  }
}

function tooManyKeys({ jsonKeys }: CheckpointLimits, file: string): CheckpointError {
  const detail = `its JSON has more than ${jsonKeys} keys, the limit jsonKeys`;
  return new CheckpointError('over-limit', detail, { file });
}

/** The entries of a value that JSON.parse made, or undefined when it is not an object. */
export function entriesOf(value: unknown): Map<string, unknown> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return new Map(Object.entries(value));
}

/**
 * Reads along the brackets and keys of JSON that nobody has checked yet. JSON.parse would build
 * millions of small objects out of a hostile header first, and silently keep the last of two equal keys.
 * Returns how many keys there are; having found more than `enough`, it looks no further.
 *
 * @throws SyntaxError naming what headers never have.
 */
function checkStructure(json: string, enough: number): number {
  let keys = 0;
  const open: (Set<string> | undefined)[] = []; // the keys of each object we are inside of
  for (let at = 0; at < json.length && keys <= enough; at++) {
    const char = json[at];
    if (char === '[') at = endOfNumbers(json, at) - 1;
    else if (char === '}') open.pop();
    else if (char === '{') {
      if (open.push(undefined) > MAX_DEPTH)
        throw new SyntaxError(`it nests deeper than ${MAX_DEPTH}`);
    } else if (char === '"') {
      const end = endOfString(json, at);
      if (isKey(json, end)) {
        addKey(open, textOf(json.slice(at, end)));
        keys++;
      }
      at = end - 1;
    }
  }
  return keys;
}

/** Most objects of a hostile file are empty, so a set is made for the first key only. */
function addKey(open: (Set<string> | undefined)[], key: string): void {
  const keys = open.at(-1);
  if (keys?.has(key)) throw new SyntaxError(`it gives ${quoted(key)} twice`);
  if (keys) keys.add(key);
  else open[Math.max(open.length - 1, 0)] = new Set([key]);
}

function textOf(literal: string): string {
  return literal.includes('\\') ? (JSON.parse(literal) as string) : literal.slice(1, -1);
}

/** The place after the list of numbers that opens at `start`. */
function endOfNumbers(json: string, start: number): number {
  const end = json.indexOf(']', start) + 1;
  if (end > 0 && end - start <= MAX_LIST_LENGTH && NUMBERS.test(json.slice(start + 1, end - 1))) {
    return end;
  }
  throw new SyntaxError(
    `a list in it holds more than numbers, or takes more than ${MAX_LIST_LENGTH} characters`,
  );
}

/** The place after the closing quote of the string that opens at `start`. */
function endOfString(json: string, start: number): number {
  let at = start + 1;
  while (at < json.length && json[at] !== '"') at += json[at] === '\\' ? 2 : 1;
  return at + 1;
}

function isKey(json: string, endOfText: number): boolean {
  let at = endOfText;
  while (' \t\r\n'.includes(json[at] ?? '.')) at++;
  return json[at] === ':';
}
