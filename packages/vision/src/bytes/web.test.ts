import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type RequestOptions,
  type Server,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { PictureDownloadError, PictureLimitError, WebAddressRefusedError } from '../errors.ts';
import { type ReadOptions, readPicture } from '../read-picture.ts';
import { fixturePath } from '../test-support.ts';
import type { WebAccess } from './web-access.ts';

const lookup = vi.hoisted(() => vi.fn());
vi.mock('node:dns/promises', () => ({ lookup }));

// Servers here have no certificate, so what is asked over https: goes over http: to the same port.
vi.mock('node:https', async () => {
  const { request } = await import('node:http');
  return {
    request: ({ href }: URL, ...rest: [RequestOptions, (answer: IncomingMessage) => void]) =>
      request(href.replace('https:', 'http:'), ...rest),
  };
});

const png = await readFile(fixturePath('pictures/decode/rgb.png'));
const web: WebAccess = { allow: ['127.0.0.1', 'pictures.test'], allowAddresses: ['127.0.0.1'] };
const servers: Server[] = [];

afterEach(async () => {
  lookup.mockReset();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  }
});

describe('a picture on the web', () => {
  test('is read from a host that is allowed', async () => {
    const address = await serve((_, answer) =>
      answer.setHeader('content-type', 'image/png').end(png),
    );
    expect(await readPicture(`${address}/a.png`, { web })).toMatchObject({ width: 61, height: 45 });
    expect(await readPicture(new URL(address), { web })).toMatchObject({ width: 61 });
  });

  test('is refused unless the web is switched on', async () => {
    await expect(readPicture('http://pictures.test/a.png?key=secret')).rejects.toThrow(
      "reading http://pictures.test/a.png: pictures are not fetched from the web unless told so. Permit the host with web: { allow: ['pictures.test'] }",
    );
  });

  test.each([
    ['http://other.test/', 'the host other.test is not in web.allow (127.0.0.1, pictures.test)'],
    ['http://a:b@pictures.test/', 'it carries a user name or password'],
    ['http://pictures.test.evil.test/', 'is not in web.allow'],
  ])('at %s is refused before anything is asked', async (address, problem) => {
    const error = await failureOf(address);
    expect(error).toBeInstanceOf(WebAddressRefusedError);
    expect(String(error)).toContain(problem);
    expect(lookup).not.toHaveBeenCalled();
  });

  test('may come from hosts below a name, or from any', async () => {
    lookup.mockResolvedValue([{ address: '10.0.0.1', family: 4 }]);
    const outcome = async (host: string, allow: string): Promise<string> =>
      String(await failureOf(`http://${host}/`, { web: { allow: [allow] } }));
    expect(await outcome('a.example.test', '*.example.test')).toContain('at 10.0.0.1');
    expect(await outcome('example.test', '*.example.test')).toContain('is not in web.allow');
    expect(await outcome('aexample.test', '*.example.test')).toContain('is not in web.allow');
    expect(await outcome('example.test', '*')).toContain('at 10.0.0.1');
  });
});

describe('a private address', () => {
  test.each(['127.0.0.1', '[::1]', '169.254.169.254', '2130706433', '0x7f.1', '[::ffff:10.0.0.1]'])(
    'written as %s is refused',
    async (host) => {
      const error = await failureOf(`http://${host}/`, { web: { allow: ['*'] } });
      expect(error).toBeInstanceOf(WebAddressRefusedError);
      expect(String(error)).toContain('is not on the public internet');
    },
  );

  test('behind an allowed name is refused, even beside a public one', async () => {
    lookup.mockResolvedValue([
      { address: '8.8.8.8', family: 4 },
      { address: '192.168.0.7', family: 4 },
    ]);
    const error = await failureOf('http://pictures.test/');
    expect(error).toMatchObject({ host: 'pictures.test (192.168.0.7)' });
  });

  test('behind a redirect is refused', async () => {
    const address = await serve((_, answer) =>
      answer.writeHead(302, { location: 'http://pictures.test/metadata' }).end(),
    );
    lookup.mockResolvedValue([{ address: '169.254.169.254', family: 4 }]);
    expect(await failureOf(address)).toMatchObject({ host: 'pictures.test (169.254.169.254)' });
  });

  test('cannot be slipped in after the check: the name is looked up once', async () => {
    const address = await serve((request, answer) =>
      answer.writeHead(request.headers.host?.startsWith('pictures.test') ? 200 : 400).end(png),
    );
    lookup.mockResolvedValueOnce([{ address: '127.0.0.1', family: 4 }]);
    lookup.mockResolvedValue([{ address: '10.0.0.1', family: 4 }]);
    const renamed = address.replace('127.0.0.1', 'pictures.test');
    expect(await readPicture(renamed, { web })).toMatchObject({ width: 61 });
    expect(lookup).toHaveBeenCalledTimes(1);
  });
});

describe('a server', () => {
  test('may redirect, to a relative address too', async () => {
    const address = await serve((request, answer) =>
      request.url === '/' ? answer.writeHead(307, { location: 'b.png' }).end() : answer.end(png),
    );
    expect(await readPicture(address, { web })).toMatchObject({ width: 61 });
  });

  test('may redirect to https:, and not back to http:', async () => {
    let asked = 0;
    const address = await serve(({ url }, answer) => {
      asked++;
      const secure = address.replace('http:', 'https:');
      if (url === '/up') answer.writeHead(302, { location: `${secure}/picture` }).end();
      else if (url === '/down') answer.writeHead(302, { location: `${address}/picture` }).end();
      else answer.end(png);
    });
    expect(await readPicture(`${address}/up`, { web })).toMatchObject({ width: 61 });
    const error = await failureOf(`${address.replace('http:', 'https:')}/down`);
    expect(error).toBeInstanceOf(WebAddressRefusedError);
    expect(String(error)).toContain('redirects from https: to http://127.0.0.1');
    expect(asked).toBe(3);
  });

  test('may redirect as often as allowed, and not once more', async () => {
    const address = await serve(({ url = '' }, answer) =>
      url === '/two'
        ? answer.end(png)
        : answer.writeHead(303, { location: url === '/' ? '/one' : '/two' }).end(),
    );
    const twice = { web: { ...web, redirects: 2 } };
    expect(await readPicture(address, twice)).toMatchObject({ width: 61 });
    const once = { web: { ...web, redirects: 1 } };
    expect(String(await failureOf(address, once))).toContain('it redirects more than 1 times');
  });

  test('that redirects for ever is left', async () => {
    const address = await serve((_, answer) => answer.writeHead(301, { location: '/' }).end());
    expect(String(await failureOf(address))).toContain('it redirects more than 5 times');
  });

  test.each<[string, RequestListener, string]>([
    ['has no picture', (_, answer) => answer.writeHead(404).end(), 'status 404 instead of 200'],
    [
      'sends a page',
      (_, answer) => answer.setHeader('content-type', 'text/html; charset=utf-8').end('<html>'),
      'the server sends text/html, not a picture',
    ],
    [
      'compresses',
      (_, answer) => answer.setHeader('content-encoding', 'gzip').end('…'),
      'the server compresses it (gzip) although asked not to',
    ],
    [
      'redirects nowhere',
      (_, answer) => answer.writeHead(302).end(),
      'redirects (302) to no address',
    ],
    ['hangs up', (_, answer) => answer.destroy(), 'the connection failed'],
    [
      'promises more than it sends',
      (_, answer) => {
        answer.setHeader('content-length', png.length + 1).write(png);
        setTimeout(() => answer.destroy(), 20);
      },
      'the connection failed',
    ],
  ])('that %s gives a PictureDownloadError', async (_, listener, problem) => {
    const error = await failureOf(await serve(listener));
    expect(error).toBeInstanceOf(PictureDownloadError);
    expect(String(error)).toContain(problem);
  });

  test('that announces too much is hung up on', async () => {
    let hungUp: Promise<unknown> | undefined;
    const address = await serve((_, answer) => {
      hungUp = once(answer, 'close');
      answer.setHeader('content-length', 10 ** 12).flushHeaders();
    });
    const error = await failureOf(address);
    expect(error).toMatchObject({ limit: 'bytes', actual: 10 ** 12, allowed: 64 * 1024 * 1024 });
    await hungUp;
  });

  test('that sends too much without saying so is cut off', async () => {
    let sent = 0;
    const address = await serve((_, answer) => {
      const more = (): void => {
        if (answer.destroyed) return;
        sent += 16_384;
        answer.write(Buffer.alloc(16_384), () => setImmediate(more));
      };
      more();
    });
    const error = await failureOf(address, { web, limits: { bytes: 100_000 } });
    expect(error).toBeInstanceOf(PictureLimitError);
    expect(sent).toBeLessThan(50_000_000);
  });

  test('that dawdles runs into the time limit', async () => {
    const address = await serve((_, answer) => {
      answer.write(png.subarray(0, 10));
    });
    const error = await failureOf(address, { web, limits: { seconds: 0.1 } });
    expect(error).toBeInstanceOf(PictureLimitError);
    expect(error).toMatchObject({ limit: 'seconds', allowed: 0.1 });
  });

  test('is left as soon as the caller aborts', async () => {
    const controller = new AbortController();
    const address = await serve(() => controller.abort(new Error('enough')));
    const error = await failureOf(address, { web, signal: controller.signal });
    expect(error).toMatchObject({ message: 'enough' });
  });
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function failureOf(address: string, options: ReadOptions = { web }): Promise<unknown> {
  return readPicture(address, options).then(
    () => undefined,
    (error: unknown) => error,
  );
}
