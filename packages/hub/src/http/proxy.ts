import { Agent as HttpAgent, request as httpRequest, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Environment } from '../environment.ts';

/**
 * The proxy that the environment asks for, by the rules curl and Python follow: `HTTPS_PROXY` or
 * `HTTP_PROXY` by the scheme of the address, then `ALL_PROXY`, in capitals or not, unless `NO_PROXY`
 * names the host.
 */
export function proxyFor(url: URL, environment: Environment): URL | undefined {
  if (isExempt(url, variable(environment, 'no_proxy'))) return undefined;
  const scheme = url.protocol === 'https:' ? 'https_proxy' : 'http_proxy';
  const proxy = variable(environment, scheme) || variable(environment, 'all_proxy');
  return proxy ? parseProxy(proxy, scheme) : undefined;
}

function variable(environment: Environment, name: string): string {
  return environment[name] || environment[name.toUpperCase()] || '';
}

function parseProxy(text: string, name: string): URL {
  const withScheme = text.includes('://') ? text : `http://${text}`;
  const url = URL.canParse(withScheme) ? new URL(withScheme) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  throw new TypeError(
    `${name.toUpperCase()} is no http or https address. Write http://host:port; SOCKS proxies are not spoken to`,
  );
}

/** `NO_PROXY`: names with everything below them, addresses, each with an optional port; `*` for all. */
function isExempt({ hostname, port, protocol }: URL, list: string): boolean {
  const host = hostname.toLowerCase().replace(/^\[|\]$/g, '');
  const actualPort = port || (protocol === 'https:' ? '443' : '80');
  return list.split(/[\s,]+/).some((entry) => {
    if (entry === '*') return true;
    const [, name = '', wantedPort] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [];
    const bare = name.replace(/^\*?\./, '');
    if (bare === '' || (wantedPort && wantedPort !== actualPort)) return false;
    return host === bare || host.endsWith(`.${bare}`);
  });
}

/** Keeps connections to whoever is asked directly. */
export function directAgent(protocol: string): HttpAgent {
  return protocol === 'https:'
    ? new HttpsAgent({ keepAlive: true })
    : new HttpAgent({ keepAlive: true });
}

/**
 * Keeps TLS connections that pass through the proxy; it sees the host name and nothing else. `closing`
 * gives up tunnels that are being asked for: no request can do that, because tunnels outlive them.
 */
export function tunnelAgent(proxy: URL, stallSeconds: number, closing: AbortSignal): HttpAgent {
  const agent = new HttpsAgent({ keepAlive: true });
  return Object.assign(agent, {
    createConnection(target: TunnelTarget, done: (error: Error | null, socket?: Socket) => void) {
      const signal = AbortSignal.any([closing, AbortSignal.timeout(stallSeconds * 1000)]);
      openTunnel(proxy, target, signal).then(
        (socket) => done(null, connectTls({ ...target, socket })),
        (error: Error) => done(error),
      );
    },
  });
}

interface TunnelTarget {
  readonly host: string;
  readonly port: number;
  readonly servername?: string;
}

function openTunnel(
  proxy: URL,
  { host, port }: TunnelTarget,
  signal: AbortSignal,
): Promise<Socket> {
  const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const options: RequestOptions = {
    ...proxyAddress(proxy),
    method: 'CONNECT',
    path: authority,
    headers: { host: authority, ...proxyAuthorization(proxy) },
    agent: false,
    signal,
  };
  return new Promise((resolve, reject) => {
    const request = proxy.protocol === 'https:' ? httpsRequest(options) : httpRequest(options);
    request.once('connect', ({ statusCode }, socket) => {
      if (statusCode === 200) return resolve(socket as Socket);
      socket.destroy();
      reject(new Error(`the proxy ${proxy.host} answers ${statusCode} to CONNECT ${authority}`));
    });
    request.on('error', (error) =>
      reject(signal.aborted ? new Error(`the proxy ${proxy.host} does not answer`) : error),
    );
    request.end();
  });
}

/** Asks a proxy for a plain http address: the whole address is the path. */
export function viaHttpProxy(proxy: URL, url: URL): RequestOptions {
  return {
    ...proxyAddress(proxy),
    path: url.href,
    headers: { host: url.host, ...proxyAuthorization(proxy) },
  };
}

function proxyAddress(proxy: URL): RequestOptions {
  return {
    host: proxy.hostname.replace(/^\[|\]$/g, ''),
    port: proxy.port || (proxy.protocol === 'https:' ? 443 : 80),
  };
}

function proxyAuthorization({ username, password }: URL): Record<string, string> {
  if (username === '' && password === '') return {};
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(credentials).toString('base64')}` };
}
