import { CheckpointError, quoted } from './errors.ts';

/**
 * The entries of a JSON object, in a Map because its keys come from strangers (`__proto__` is a key
 * like any other there).
 *
 * @throws CheckpointError when the bytes are not UTF-8, not JSON, not an object, or give a key twice.
 */
export function parseJsonObject(bytes: Uint8Array, file: string): Map<string, unknown> {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    const entries = entriesOf(JSON.parse(text));
    if (!entries) throw new SyntaxError('it is not an object');
    const twice = findRepeatedKey(text);
    if (twice !== undefined) throw new SyntaxError(`it gives ${quoted(twice)} twice`);
    return entries;
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message.slice(0, 200) : String(cause);
    throw new CheckpointError('malformed', `its JSON is not sound: ${detail}`, { file, cause });
  }
}

/** The entries of a value that JSON.parse made, or undefined when it is not an object. */
export function entriesOf(value: unknown): Map<string, unknown> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return new Map(Object.entries(value));
}

/** A key that stands twice in one object of valid JSON. JSON.parse would silently keep the last. */
function findRepeatedKey(json: string): string | undefined {
  const open: Set<string>[] = []; // the keys of each bracket we are inside of
  for (let at = 0; at < json.length; at++) {
    const char = json[at];
    if (char === '{' || char === '[') open.push(new Set());
    else if (char === '}' || char === ']') open.pop();
    else if (char === '"') {
      const end = endOfString(json, at);
      if (isKey(json, end)) {
        const key = JSON.parse(json.slice(at, end)) as string;
        if (open.at(-1)?.has(key)) return key;
        open.at(-1)?.add(key);
      }
      at = end - 1;
    }
  }
  return undefined;
}

/** The place after the closing quote of the string that opens at `start`. */
function endOfString(json: string, start: number): number {
  let at = start + 1;
  while (json[at] !== '"') at += json[at] === '\\' ? 2 : 1;
  return at + 1;
}

function isKey(json: string, endOfText: number): boolean {
  let at = endOfText;
  while (' \t\r\n'.includes(json[at] ?? '.')) at++;
  return json[at] === ':';
}
