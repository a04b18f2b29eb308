import {
  type Agent,
  type ClientRequest,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Environment } from '../environment.ts';
import { EndpointUnreachableError, RedirectRefusedError } from '../errors.ts';
import { PassingFailure } from './passing-failure.ts';
import { directAgent, proxyFor, tunnelAgent, viaHttpProxy } from './proxy.ts';

/** huggingface.co answers a large file with two at most. */
const MAX_REDIRECTS = 8;
/** A redirect with a longer body costs its connection instead of being read. */
const MAX_REDIRECT_BODY_BYTES = 64 * 1024;

export interface ClientSettings {
  /** The only origin that is shown `credentials`. */
  readonly endpoint: URL;
  /** Headers that prove who asks. */
  readonly credentials: Readonly<Record<string, string>>;
  readonly environment: Environment;
  readonly stallSeconds: number;
}

/** What came back, whatever its status. Read the body with `chunks`, or drop it with `body.destroy()`. */
export interface Answer {
  /** The address that answered, after redirects. */
  readonly url: URL;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: IncomingMessage;
  /** The body; fails in passing when the connection breaks or nothing comes for `stallSeconds`. */
  chunks(): AsyncGenerator<Buffer, void, undefined>;
}

/** Sends GET requests over kept connections. Knows redirects, proxies and stalls, but no hub. */
export interface HttpClient extends Disposable {
  /** @throws PassingFailure when no answer comes, RedirectRefusedError, or the signal's reason. */
  get(url: URL, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Answer>;
}

export function openClient(settings: ClientSettings): HttpClient {
  const agents = new Map<string, Agent>();
  const closing = new AbortController();
  const tunnel = (proxy: URL): Agent => tunnelAgent(proxy, settings.stallSeconds, closing.signal);
  const agentFor = (url: URL, proxy: URL | undefined): Agent => {
    const tunnelled = proxy !== undefined && url.protocol === 'https:';
    const key = tunnelled ? `tunnel ${proxy.href}` : (proxy ?? url).protocol;
    const agent = agents.get(key) ?? (tunnelled ? tunnel(proxy) : directAgent(key));
    agents.set(key, agent);
    return agent;
  };
  return {
    get: (url, headers, signal) => followRedirects(url, { headers, signal, settings, agentFor }),
    [Symbol.dispose]: () => {
      closing.abort();
      for (const agent of agents.values()) agent.destroy();
    },
  };
}

/** What stays the same from one redirect to the next. */
interface Exchange {
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly settings: ClientSettings;
  readonly agentFor: (url: URL, proxy: URL | undefined) => Agent;
}

async function followRedirects(first: URL, exchange: Exchange): Promise<Answer> {
  let url = first;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const body = await send(url, exchange);
    const next = redirectOf(body, url);
    if (!next) return answerOf(body, url, exchange);
    url = next;
  }
  throw new RedirectRefusedError(
    withoutQuery(first.href),
    withoutQuery(url.href),
    `it is redirect number ${MAX_REDIRECTS + 1}`,
  );
}

function send(url: URL, exchange: Exchange): Promise<IncomingMessage> {
  const { settings, signal } = exchange;
  const request = startRequest(url, exchange);
  return new Promise<IncomingMessage>((resolve, reject) => {
    const stall = setTimeout(
      () => request.destroy(stalled(settings)),
      settings.stallSeconds * 1000,
    );
    request.once('response', resolve).on('error', reject).end();
    request.once('close', () => clearTimeout(stall)).once('response', () => clearTimeout(stall));
  }).catch((cause) => {
    throw broken(url, cause, signal);
  });
}

function startRequest(url: URL, { headers, signal, settings, agentFor }: Exchange): ClientRequest {
  const { environment, endpoint, credentials } = settings;
  const proxy = proxyFor(url, environment);
  const isPlainViaProxy = proxy !== undefined && url.protocol === 'http:';
  const detour: RequestOptions = isPlainViaProxy ? viaHttpProxy(proxy, url) : {};
  const options: RequestOptions = {
    ...detour,
    agent: agentFor(url, proxy),
    signal,
    headers: {
      'accept-encoding': 'identity',
      'user-agent': 'lingbi',
      ...headers,
      ...detour.headers,
      ...(url.origin === endpoint.origin && credentials),
    },
  };
  if (isPlainViaProxy) {
    return proxy.protocol === 'https:' ? httpsRequest(options) : httpRequest(options);
  }
  return url.protocol === 'https:' ? httpsRequest(url, options) : httpRequest(url, options);
}

const redirectStatuses = [301, 302, 303, 307, 308];

function redirectOf(body: IncomingMessage, url: URL): URL | undefined {
  const { statusCode = 0, headers } = body;
  if (!redirectStatuses.includes(statusCode)) return undefined;
  dropBody(body);
  const to = headers.location ?? '';
  const refuse = (problem: string): never => {
    throw new RedirectRefusedError(withoutQuery(url.href), withoutQuery(to), problem);
  };
  if (to === '' || !URL.canParse(to, url.href)) return refuse('that is no address');
  const next = new URL(to, url);
  if (next.protocol !== 'https:' && next.protocol !== 'http:')
    return refuse('only http(s) is followed');
  if (url.protocol === 'https:' && next.protocol === 'http:') {
    return refuse(
      'it leaves https. Ask whoever runs that server, or choose another with HF_ENDPOINT',
    );
  }
  return next;
}

/** Signed links carry their secret in the query. */
export function withoutQuery(address: string): string {
  return address.replace(/\?.*/s, '');
}

/** Reads a short body to its end, so that the connection can be used again. */
function dropBody(body: IncomingMessage): void {
  const isShort = Number(body.headers['content-length'] ?? Infinity) <= MAX_REDIRECT_BODY_BYTES;
  body.on('error', () => {}); // nobody waits for it
  if (isShort) body.resume();
  else body.destroy();
}

function answerOf(body: IncomingMessage, url: URL, exchange: Exchange): Answer {
  const { statusCode: status = 0, headers } = body;
  return { url, status, headers, body, chunks: () => chunksOf(body, url, exchange) };
}

async function* chunksOf(
  body: IncomingMessage,
  url: URL,
  { signal, settings }: Exchange,
): AsyncGenerator<Buffer, void, undefined> {
  let isWaiting = true; // a slow disk is no stall
  const stall = setTimeout(
    () => isWaiting && body.destroy(stalled(settings)),
    settings.stallSeconds * 1000,
  );
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      isWaiting = false;
      yield chunk;
      isWaiting = true;
      stall.refresh();
    }
  } catch (cause) {
    throw broken(url, cause, signal);
  } finally {
    clearTimeout(stall);
  }
}

function stalled({ stallSeconds }: ClientSettings): Error {
  return Object.assign(new Error(`nothing came for ${stallSeconds} seconds`), { code: 'ESTALLED' });
}

/** What to tell of a broken connection; when aborted, the reason that was given. */
function broken(url: URL, cause: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (!(cause instanceof Error)) return cause;
  const code = 'code' in cause ? String(cause.code) : '';
  const problem = [cause.message || code, adviceFor(code)].filter(Boolean).join('; ');
  return new PassingFailure(new EndpointUnreachableError(url.origin, code, problem, { cause }));
}

const certificateCodes = [
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
];

function adviceFor(code: string): string {
  return certificateCodes.includes(code)
    ? 'if a proxy of your company signs the connection, name its certificate in NODE_EXTRA_CA_CERTS'
    : '';
}
