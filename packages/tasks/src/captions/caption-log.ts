import { open, readFile, truncate } from 'node:fs/promises';
import { CaptionLogError } from './errors.ts';

/** One line of the file: a caption, or why there is none. */
export interface CaptionLine {
  readonly image: string;
  /** Short for the prompt and settings: lines of another run do not mix with these. */
  readonly run: string;
  readonly caption?: string;
  readonly error?: string;
  /** What was done otherwise than asked, if anything. */
  readonly warnings?: readonly string[];
}

/** Lines on disk, one a picture, in order. */
export interface CaptionLog extends AsyncDisposable {
  /** What earlier runs wrote. */
  readonly done: readonly CaptionLine[];
  /** On disk when it resolves. */
  append(line: CaptionLine): Promise<void>;
}

/**
 * Opens a file of captions to go on with it. A last line that a crash cut off is cut away.
 *
 * @throws CaptionLogError when its lines are not the beginning of this run.
 */
export async function openCaptionLog(
  path: string,
  run: string,
  images: readonly string[],
): Promise<CaptionLog> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  });
  const whole = bytes.lastIndexOf(0x0a) + 1;
  const texts = bytes.subarray(0, whole).toString('utf8').split('\n').slice(0, -1);
  const done = texts.map((text, i) =>
    checkLine(text, { path, line: i + 1, run, image: images[i] }),
  );
  if (whole < bytes.length) await truncate(path, whole);
  const file = await open(path, 'a');
  return {
    done,
    async append(line) {
      await file.appendFile(`${JSON.stringify(line)}\n`);
      await file.datasync();
    },
    [Symbol.asyncDispose]: () => file.close(),
  };
}

function checkLine(
  text: string,
  expected: { path: string; line: number; run: string; image: string | undefined },
): CaptionLine {
  const refuse = (detail: string): never => {
    throw new CaptionLogError(expected.path, expected.line, detail);
  };
  const line = parseLine(text) ?? refuse('is no line of captions');
  if (expected.image === undefined) refuse(`is of "${line.image}", but there are no more pictures`);
  if (line.image !== expected.image) refuse(`is of "${line.image}", not of "${expected.image}"`);
  if (line.run !== expected.run) refuse('was written with another prompt or other settings');
  return line;
}

function parseLine(text: string): CaptionLine | undefined {
  try {
    const line = JSON.parse(text);
    return typeof line?.image === 'string' && typeof line.run === 'string' ? line : undefined;
  } catch {
    return undefined;
  }
}
