/** A hub on this machine, as well or badly behaved as a test wants it. */
import { createHash } from 'node:crypto';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FakeFile {
  readonly path: string;
  readonly content: Buffer;
  /** Listed with a sha256, as large files are; otherwise with the hash that git gives it. */
  readonly lfs?: boolean;
  /** Lies of the list. */
  readonly listed?: { readonly bytes?: unknown; readonly hash?: unknown };
}

export interface Asked {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

/** Answers a request for a file by itself, and then returns true. */
export type Misbehaviour = (
  request: IncomingMessage,
  answer: ServerResponse,
  file: FakeFile,
  /** How often this file was asked for before. */
  earlier: number,
) => boolean | undefined;

export interface FakeHub extends AsyncDisposable {
  readonly url: string;
  readonly asked: Asked[];
  files: readonly FakeFile[];
  commit: string;
  /** Applied to requests for files. */
  onFile?: Misbehaviour | undefined;
  /** Applied to all others. */
  onList?: ((request: IncomingMessage, answer: ServerResponse) => boolean | undefined) | undefined;
}

export const modelId = 'internlm/tiny';
export const commit = '0123456789abcdef0123456789abcdef01234567';

/** Bytes that look like weights and are the same on each run. */
function noise(bytes: number, seed = 1): Buffer {
  const content = Buffer.alloc(bytes);
  let state = seed;
  for (let index = 0; index < bytes; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    content[index] = state >>> 24;
  }
  return content;
}

/** A checkpoint as small as it gets, beside files that nobody needs. */
export function tinyCheckpoint(weightBytes = 300_000): FakeFile[] {
  const index = { weight_map: { a: 'model-1-of-2.safetensors', b: 'model-2-of-2.safetensors' } };
  return [
    { path: '.gitattributes', content: Buffer.from('*.safetensors filter=lfs\n') },
    { path: 'config.json', content: Buffer.from('{"hidden_size": 8}\n') },
    { path: 'modeling.py', content: Buffer.from('import os\n') },
    { path: 'model.safetensors.index.json', content: Buffer.from(JSON.stringify(index)) },
    { path: 'model-1-of-2.safetensors', content: noise(weightBytes, 1), lfs: true },
    { path: 'model-2-of-2.safetensors', content: noise(weightBytes, 2), lfs: true },
    { path: 'pytorch_model.bin', content: noise(1000, 3), lfs: true },
    { path: 'tokenizer.model', content: noise(5000, 4), lfs: true },
  ];
}

export async function startHub(files: readonly FakeFile[] = tinyCheckpoint()): Promise<FakeHub> {
  const counts = new Map<string, number>();
  const server = createServer((request, answer) => {
    const url = new URL(request.url!, 'http://hub.test');
    hub.asked.push({ path: request.url!, headers: request.headers });
    const path = filePathOf(url);
    if (path === undefined) {
      if (!hub.onList?.(request, answer)) sendList(hub, url, answer);
      return;
    }
    const file = hub.files.find((candidate) => candidate.path === path);
    if (!file) return void answer.writeHead(404, { 'x-error-code': 'EntryNotFound' }).end();
    const earlier = counts.get(path) ?? 0;
    counts.set(path, earlier + 1);
    if (!hub.onFile?.(request, answer, file, earlier)) sendFile(request, answer, file.content);
  });
  const hub: FakeHub = {
    url: await listen(server),
    asked: [],
    files,
    commit,
    [Symbol.asyncDispose]: () => stop(server),
  };
  return hub;
}

/** Another server, for redirects and proxies. */
export async function startServer(
  listener: RequestListener,
): Promise<AsyncDisposable & { url: string; server: Server }> {
  const server = createServer(listener);
  return { url: await listen(server), server, [Symbol.asyncDispose]: () => stop(server) };
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function stop(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve)); // may have been stopped before
}

/** The file of `/owner/name/resolve/<commit>/<path>`, or of ModelScope's address. */
function filePathOf(url: URL): string | undefined {
  if (url.pathname.endsWith('/repo')) return url.searchParams.get('FilePath') ?? undefined;
  const found = /^\/[^/]+\/[^/]+\/resolve\/[^/]+\/(.+)$/.exec(url.pathname);
  return found ? decodeURIComponent(found[1]!) : undefined;
}

function sendList(hub: FakeHub, url: URL, answer: ServerResponse): void {
  const send = (body: unknown): void => {
    answer.setHeader('content-type', 'application/json').end(JSON.stringify(body));
  };
  if (url.pathname.includes('/revision/')) send({ _id: '1', id: modelId, sha: hub.commit });
  else if (url.pathname.includes('/tree/')) send(hub.files.map(treeEntry));
  else if (url.pathname.endsWith('/repo/files')) {
    send({ Code: 200, Success: true, Message: '', Data: { Files: hub.files.map(scopeEntry) } });
  } else answer.writeHead(404).end();
}

function treeEntry({ path, content, lfs, listed }: FakeFile): object {
  const size = listed?.bytes ?? content.length;
  const hash = listed?.hash ?? (lfs ? sha256(content) : gitHash(content));
  const pointer = gitHash(Buffer.from('a pointer'));
  return lfs
    ? { type: 'file', path, size, oid: pointer, lfs: { oid: hash, size, pointerSize: 130 } }
    : { type: 'file', path, size, oid: hash };
}

function scopeEntry({ path, content, listed }: FakeFile): object {
  const Sha256 = listed?.hash ?? sha256(content);
  return { Type: 'blob', Path: path, Name: path, Size: listed?.bytes ?? content.length, Sha256 };
}

/** Sends a file as a server should, ranges included. */
export function sendFile(request: IncomingMessage, answer: ServerResponse, content: Buffer): void {
  const range = rangeOf(request);
  if (!range) return void answer.writeHead(200, { 'content-length': content.length }).end(content);
  const [start, end] = range;
  if (start >= content.length) {
    return void answer.writeHead(416, { 'content-range': `bytes */${content.length}` }).end();
  }
  answer.writeHead(206, {
    'content-length': end - start,
    'content-range': `bytes ${start}-${end - 1}/${content.length}`,
  });
  answer.end(content.subarray(start, end));
}

/** First byte and the one after the last. */
export function rangeOf({
  headers,
}: {
  headers: IncomingHttpHeaders;
}): [number, number] | undefined {
  const found = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '');
  return found ? [Number(found[1]), Number(found[2]) + 1] : undefined;
}

export function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

export function gitHash(content: Buffer): string {
  return createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
}
