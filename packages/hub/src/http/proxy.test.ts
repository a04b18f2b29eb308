import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { pull } from '../pull.ts';
import { startServer } from '../test-tools/hub-server.ts';
import { failureOf, workbench } from '../test-tools/workbench.ts';
import { type HttpClient, openClient } from './client.ts';
import { proxyFor } from './proxy.ts';
import { readText } from './read-text.ts';

const https = new URL('https://hub.test/a');
const openssl = 'openssl';

describe('the proxy', () => {
  const proxy = 'http://proxy.test:3128';

  test.each([
    [{ HTTPS_PROXY: proxy }, 'proxy.test:3128'],
    [{ https_proxy: 'proxy.test:8080' }, 'proxy.test:8080'],
    [{ ALL_PROXY: proxy }, 'proxy.test:3128'],
    [{ HTTP_PROXY: proxy }, undefined],
    [{}, undefined],
    [{ HTTPS_PROXY: proxy, NO_PROXY: 'hub.test' }, undefined],
    [{ HTTPS_PROXY: proxy, NO_PROXY: '.test' }, undefined],
    [{ HTTPS_PROXY: proxy, no_proxy: 'a, *.test' }, undefined],
    [{ HTTPS_PROXY: proxy, NO_PROXY: '*' }, undefined],
    [{ HTTPS_PROXY: proxy, NO_PROXY: 'hub.test:443' }, undefined],
    [{ HTTPS_PROXY: proxy, NO_PROXY: 'hub.test:8443' }, 'proxy.test:3128'],
    [{ HTTPS_PROXY: proxy, NO_PROXY: 'b.test,ub.test' }, 'proxy.test:3128'],
    [{ HTTPS_PROXY: proxy, NO_PROXY: '' }, 'proxy.test:3128'],
  ])('by %j is %s', (environment, host) => {
    expect(proxyFor(https, environment)?.host).toBe(host);
  });

  test('that is not spoken to is an error that says what is', () => {
    expect(() => proxyFor(https, { ALL_PROXY: 'socks5://proxy.test' })).toThrow(
      'HTTPS_PROXY is no http or https address. Write http://host:port; SOCKS proxies are not spoken to',
    );
  });

  test('is asked for whole addresses over plain http', async () => {
    const seen: { url: string; host: string; key: string | undefined }[] = [];
    await using proxy = await startServer(({ url, headers }, answer) => {
      seen.push({ url: url!, host: headers.host!, key: headers['proxy-authorization'] });
      answer.end('through the proxy');
    });
    const HTTP_PROXY = proxy.url.replace('//', '//user:pass@');
    using client = clientFor('http://hub.test', { HTTP_PROXY });
    const answer = await client.get(
      new URL('http://hub.test/a?b'),
      {},
      new AbortController().signal,
    );
    expect(await readText(answer, 100)).toBe('through the proxy');
    const key = `Basic ${Buffer.from('user:pass').toString('base64')}`;
    expect(seen).toEqual([{ url: 'http://hub.test/a?b', host: 'hub.test', key }]);
  });

  test('that refuses a tunnel is named, and saw no token', async () => {
    await using bench = await workbench();
    const seen: string[] = [];
    await using proxy = await startServer(() => {});
    proxy.server.on('connect', (request, socket: Socket) => {
      seen.push(`${request.url} ${JSON.stringify(request.headers)}`);
      socket.end('HTTP/1.1 407 Who are you\r\n\r\n');
    });
    const error = await failureOf(
      pull('a/b', {
        ...bench.options,
        endpoint: 'https://hub.test',
        environment: { HTTPS_PROXY: proxy.url },
        token: 'hf_secret',
      }),
    );
    expect(error.message).toContain('answers 407 to CONNECT hub.test:443');
    expect(seen.join()).toContain('hub.test:443');
    expect(seen.join()).not.toContain('hf_secret');
  });
});

test('a proxy that never answers is given up', async () => {
  let asked = 0;
  await using proxy = await startServer(() => {});
  proxy.server.on('connect', (_, socket: Socket) => {
    asked++;
    socket.on('error', () => {}).resume(); // notices when it is given up
    socket.on('end', () => socket.end());
  });
  const environment = { HTTPS_PROXY: proxy.url };
  using client = clientFor('https://hub.test', environment, 2);
  const error = await failureOf(client.get(https, {}, new AbortController().signal));
  expect(error.message).toMatch(/nothing came for 2 seconds|the proxy .* does not answer/);
  expect(asked).toBe(1);
});

function clientFor(
  endpoint: string,
  environment: Record<string, string>,
  stallSeconds = 5,
): HttpClient {
  const credentials = { authorization: 'Bearer hf_secret' };
  return openClient({ endpoint: new URL(endpoint), credentials, environment, stallSeconds });
}

// The certificate is made on the spot, so that no private key lies in the repository.
describe.skipIf(spawnSync(openssl, ['version']).status !== 0)('over https', () => {
  let server: Server;
  let port: number;
  const signal = new AbortController().signal;

  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lingbi-tls-'));
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const subject = ['-subj', '/CN=localhost', '-days', '2', '-nodes'];
    execFileSync(
      openssl,
      ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', ...subject].concat([
        '-keyout',
        key,
        '-out',
        cert,
      ]),
      { stdio: 'ignore' },
    );
    server = createServer({ key: readFileSync(key), cert: readFileSync(cert) });
    rmSync(folder, { recursive: true });
    server.on('request', ({ url, headers }, answer) => {
      if (url === '/down') answer.writeHead(302, { location: 'http://localhost:1/' }).end();
      else answer.end(`hello ${headers.authorization}`);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
  });
  afterAll(() => server.close());

  test('an unknown certificate is refused with a hint', async () => {
    using client = clientFor(`https://localhost:${port}`, {});
    const error = await failureOf(client.get(new URL(`https://localhost:${port}/`), {}, signal));
    expect(error.message).toContain('name its certificate in NODE_EXTRA_CA_CERTS');
  });

  test('a redirect to http is refused', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    using client = clientFor(`https://localhost:${port}`, {});
    const error = await failureOf(
      client.get(new URL(`https://localhost:${port}/down`), {}, signal),
    );
    expect(error.message).toContain('redirects to http://localhost:1/: it leaves https');
    vi.unstubAllEnvs();
  });

  test('a proxy passes the connection on without seeing what is said', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    const seen: string[] = [];
    await using proxy = await startServer(() => {});
    proxy.server.on('connect', (request, socket: Socket) => {
      seen.push(`${request.url} ${JSON.stringify(request.headers)}`);
      const target = connect(port, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connected\r\n\r\n');
        target.pipe(socket).pipe(target);
      });
      socket.on('error', () => target.destroy());
      target.on('error', () => socket.destroy());
    });
    using client = clientFor(`https://hub.test:${port}`, { HTTPS_PROXY: proxy.url });
    for (const path of ['/a', '/b']) {
      const answer = await client.get(new URL(`https://hub.test:${port}${path}`), {}, signal);
      expect(await readText(answer, 100)).toBe('hello Bearer hf_secret');
    }
    expect(seen).toHaveLength(1); // the tunnel is kept
    expect(seen[0]).toContain(`hub.test:${port}`);
    expect(seen[0]).not.toContain('hf_secret');
    vi.unstubAllEnvs();
  });
});
