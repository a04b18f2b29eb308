import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import type { Media } from '../reading.ts';
import { type LoadBytesOptions, loadBytes } from './load-bytes.ts';

const media: Media = { noun: 'video', accept: 'video/*', types: /^video\// };
const options: LoadBytesOptions = { media, limit: 100, signal: new AbortController().signal };

test('bytes of another medium are asked for by its own type', async () => {
  const server = createServer(({ headers }, answer) =>
    answer.setHeader('content-type', 'video/mp4').end(headers.accept),
  ).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const web = { allow: ['127.0.0.1'], allowAddresses: ['127.0.0.1'] };
  const bytes = await loadBytes(`http://127.0.0.1:${port}/`, { ...options, web });
  server.close();
  expect(Buffer.from(bytes).toString()).toBe('video/*');
});

test('the rules of the web and the limit hold, and name the medium', async () => {
  await expect(loadBytes('http://video.test/a.mp4', options)).rejects.toThrow(
    'videos are not fetched from the web unless told so',
  );
  const data = `data:video/mp4;base64,${Buffer.alloc(200).toString('base64')}`;
  await expect(loadBytes(data, options)).rejects.toThrow('bytes, and 100 are allowed');
});
