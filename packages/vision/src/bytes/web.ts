import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { PictureDownloadError, PictureError, WebAddressRefusedError } from '../errors.ts';
import { checkLimit, type Reading } from '../reading.ts';
import { type PinnedAddress, permit, type WebAccess } from './web-access.ts';

/** Fetches a picture, following redirects; every address is permitted by itself before it is asked. */
export async function bytesOfWeb(
  address: string | URL,
  web: WebAccess | undefined,
  reading: Reading,
): Promise<Uint8Array> {
  let url = new URL(address);
  if (!web) throw webIsOff(url, reading);
  const redirects = web.redirects ?? 5;
  for (let hop = 0; hop <= redirects; hop++) {
    const answer = await ask(url, await permit(url, web, reading), reading);
    try {
      const next = redirectOf(answer, url, reading);
      if (!next) return await readBody(answer, reading);
      url = next;
    } finally {
      answer.destroy();
    }
  }
  throw new PictureDownloadError(
    reading.name,
    undefined,
    `it redirects more than ${redirects} times`,
  );
}

function webIsOff({ hostname }: URL, reading: Reading): WebAddressRefusedError {
  return new WebAddressRefusedError(
    reading.name,
    hostname,
    `${reading.media.noun}s are not fetched from the web unless told so. Permit the host with web: { allow: ['${hostname}'] }`,
  );
}

/** Sends the request to the addresses that were checked, whatever the name resolves to by now. */
function ask(url: URL, checked: PinnedAddress[], reading: Reading): Promise<IncomingMessage> {
  const options: RequestOptions = {
    agent: false,
    headers: {
      accept: reading.media.accept,
      'accept-encoding': 'identity',
      'user-agent': 'lingbi',
    },
    lookup: (_host, { all }, callback) => {
      if (all) callback(null, checked);
      else callback(null, checked[0]!.address, checked[0]!.family);
    },
    signal: reading.signal,
  };
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    request(url, options, resolve)
      .on('error', (cause) => reject(failed(reading, cause)))
      .end();
  });
}

const redirectStatuses = [301, 302, 303, 307, 308];

function redirectOf(answer: IncomingMessage, url: URL, reading: Reading): URL | undefined {
  const { statusCode: status = 0, headers } = answer;
  if (!redirectStatuses.includes(status)) return undefined;
  if (headers.location && URL.canParse(headers.location, url.href)) {
    return checkEncrypted(new URL(headers.location, url), url, reading);
  }
  throw new PictureDownloadError(reading.name, status, `it redirects (${status}) to no address`);
}

/** Who asked over https: means nobody on the way to read the answer, or to change it. */
function checkEncrypted(next: URL, previous: URL, reading: Reading): URL {
  if (previous.protocol !== 'https:' || next.protocol === 'https:') return next;
  throw new WebAddressRefusedError(
    reading.name,
    next.hostname,
    `${previous.hostname} redirects from https: to ${next.protocol}//${next.hostname}, which is not encrypted. ` +
      'If that is meant, ask for that address itself',
  );
}

async function readBody(answer: IncomingMessage, reading: Reading): Promise<Uint8Array> {
  checkAnswer(answer, reading);
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      length += chunk.length;
      checkLimit(reading, 'bytes', length);
      chunks.push(chunk);
    }
  } catch (cause) {
    throw failed(reading, cause);
  }
  return Buffer.concat(chunks, length);
}

/** Refuses by the headers alone what is no picture or too large. */
function checkAnswer({ statusCode: status, headers }: IncomingMessage, reading: Reading): void {
  const refuse = (problem: string): never => {
    throw new PictureDownloadError(reading.name, status, problem);
  };
  if (status !== 200) refuse(`the server answered with status ${status} instead of 200`);
  const type = headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  if (type && !reading.media.types.test(type)) {
    refuse(`the server sends ${type}, not a ${reading.media.noun}`);
  }
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity')
    refuse(`the server compresses it (${encoding}) although asked not to`);
  checkLimit(reading, 'bytes', Number(headers['content-length'] ?? 0));
}

/** Errors of ours and of the signal stay what they are; the rest is the connection's. */
function failed(reading: Reading, cause: unknown): unknown {
  if (reading.signal.aborted) return reading.signal.reason;
  if (cause instanceof PictureError) return cause;
  const problem = cause instanceof Error ? cause.message : String(cause);
  return new PictureDownloadError(reading.name, undefined, `the connection failed (${problem})`, {
    cause,
  });
}
