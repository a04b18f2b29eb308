import { HubAnswerError } from '../errors.ts';
import { type Answer, type HttpClient, withoutQuery } from '../http/client.ts';
import { PassingFailure } from '../http/passing-failure.ts';
import { type RetryPolicy, withRetries } from '../http/retries.ts';
import type { RemoteFile } from '../hub/hub.ts';
import { type Asked, refusalOf } from '../hub/refusal.ts';
import type { PartialFile } from './partial-file.ts';
import type { Slots } from './slots.ts';
import type { Span } from './spans.ts';

/** What is noted in the journal at a time: so much is fetched again after a crash. */
const SAVE_BYTES = 8 * 2 ** 20;

/** The server sends whole files only; parts of them cannot be had. */
export class RangesIgnored extends Error {}

/** What fetching bytes of a file takes. */
export interface Fetching {
  readonly file: RemoteFile;
  readonly address: URL;
  readonly asked: Asked;
  readonly client: HttpClient;
  readonly slots: Slots;
  readonly partial: PartialFile;
  readonly retry: RetryPolicy;
  readonly onBytes: (count: number) => void;
}

/**
 * Fetches a part of a file, going on after each broken connection where it broke.
 *
 * @throws RangesIgnored when the server does not send parts.
 */
export async function fetchSpan(span: Span, fetching: Fetching): Promise<void> {
  let position = span.start;
  const retry = { ...fetching.retry, progress: () => position };
  await withRetries(retry, () =>
    fetching.slots(async () => {
      if (position === span.end) return; // the connection broke after the last byte
      const rest = { start: position, end: span.end };
      const answer = await ask(rest, fetching);
      for await (const next of copyBody(answer, rest, fetching)) position = next;
    }),
  );
}

/** Fetches a file from a server that sends it only whole: after a broken connection, all of it again. */
export async function fetchWhole(
  fetching: Fetching,
  onRestart: (reason: string) => void,
): Promise<void> {
  const whole = { start: 0, end: fetching.file.bytes };
  let attempts = 0;
  await withRetries(fetching.retry, () =>
    fetching.slots(async () => {
      if (attempts++ > 0) {
        await fetching.partial.restart();
        onRestart('the connection broke, and the server sends files only whole');
      }
      for await (const _ of copyBody(await ask(whole, fetching), whole, fetching));
    }),
  );
}

async function ask(span: Span, { client, address, file, asked, retry }: Fetching): Promise<Answer> {
  const isWhole = span.start === 0 && span.end === file.bytes;
  const range = `bytes=${span.start}-${span.end - 1}`;
  const answer = await client.get(address, isWhole ? {} : { range }, retry.signal);
  try {
    if (isWhole) requireWhole(answer, file, asked);
    else requirePart(answer, span, file, asked);
    return answer;
  } catch (error) {
    answer.body.destroy();
    throw error;
  }
}

function requireWhole(answer: Answer, { bytes }: RemoteFile, asked: Asked): void {
  if (answer.status !== 200) throw refusal(answer, asked);
  requireIdentity(answer);
  const length = answer.headers['content-length'];
  if (length !== undefined && Number(length) !== bytes) {
    throw disagreement(answer, `it announces ${length} bytes, and the list says ${bytes}`);
  }
}

function requirePart(answer: Answer, span: Span, { bytes }: RemoteFile, asked: Asked): void {
  if (answer.status === 200) throw new RangesIgnored();
  const contentRange = answer.headers['content-range'] ?? 'no range';
  if (answer.status === 416) {
    throw disagreement(answer, `it has ${contentRange}, and the list says ${bytes} bytes`);
  }
  if (answer.status !== 206) throw refusal(answer, asked);
  requireIdentity(answer);
  const expected = `bytes ${span.start}-${span.end - 1}/`;
  if (contentRange === `${expected}${bytes}` || contentRange === `${expected}*`) return;
  throw disagreement(answer, `it sends ${contentRange} instead of ${expected}${bytes}`);
}

function refusal(answer: Answer, asked: Asked): Error {
  if (answer.status >= 400) return refusalOf(answer, asked);
  return disagreement(answer, 'that is neither the file nor a refusal');
}

function requireIdentity({ headers, url, status }: Answer): void {
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding === 'identity') return;
  const problem = `it compresses the file (${encoding}) although asked not to`;
  throw new HubAnswerError(withoutQuery(url.href), status, problem);
}

/** A mirror may have an old copy, a proxy a bad moment. */
function disagreement({ url, status }: Answer, problem: string): PassingFailure {
  return new PassingFailure(new HubAnswerError(withoutQuery(url.href), status, problem));
}

/** Writes a body to its place and yields how far it got; what is written is noted, whatever happens. */
async function* copyBody(
  answer: Answer,
  span: Span,
  { partial, onBytes }: Fetching,
): AsyncGenerator<number, void, undefined> {
  let saved = span.start;
  let position = span.start;
  const save = async (): Promise<void> => {
    if (position > saved) await partial.save({ start: saved, end: position });
    saved = position;
  };
  try {
    for await (const chunk of answer.chunks()) {
      if (position + chunk.length > span.end) throw disagreement(answer, 'it sends too many bytes');
      await partial.write(position, chunk);
      position += chunk.length;
      onBytes(chunk.length);
      if (position - saved >= SAVE_BYTES) await save();
      yield position;
    }
    if (position < span.end) {
      throw disagreement(
        answer,
        `it ends after ${position - span.start} bytes of ${span.end - span.start}`,
      );
    }
  } finally {
    await save();
  }
}
