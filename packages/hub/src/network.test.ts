import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  EndpointUnreachableError,
  GatedRepositoryError,
  HashMismatchError,
  HubAnswerError,
  RedirectRefusedError,
  RepositoryNotFoundError,
  RevisionNotFoundError,
  UnauthorizedError,
} from './errors.ts';
import { pull } from './pull.ts';
import {
  type Asked,
  type Misbehaviour,
  modelId,
  rangeOf,
  sendFile,
  sha256,
  startServer,
} from './test-tools/hub-server.ts';
import { failureOf, type Workbench, workbench } from './test-tools/workbench.ts';

const weights = 'model-1-of-2.safetensors';

/** Pulls from a server that treats the first weights as told, and compares every byte. */
async function survives(bench: Workbench, misbehaviour: Misbehaviour): Promise<Asked[]> {
  bench.hub.onFile = (request, answer, file, earlier) =>
    file.path === weights ? misbehaviour(request, answer, file, earlier) : false;
  const { folder, files } = await pull(modelId, bench.options);
  for (const { path, content } of bench.hub.files) {
    if (!files.some((file) => file.path === path)) continue;
    expect(content.equals(await readFile(join(folder, path))), path).toBe(true);
  }
  return bench.hub.asked.filter(({ path }) => path.endsWith(weights));
}

async function failsAt(bench: Workbench, misbehaviour: Misbehaviour): Promise<Error> {
  return failureOf(survives(bench, misbehaviour));
}

describe('large files', () => {
  test('are fetched in parts, at most so many at a time', async () => {
    await using bench = await workbench();
    let open = 0;
    let most = 0;
    const network = { ...bench.options.network, connections: 3 };
    const asked: (string | undefined)[] = [];
    bench.hub.onFile = (request, answer, { content }) => {
      most = Math.max(most, ++open);
      asked.push(request.headers.range);
      const reply = (): void => {
        open--;
        sendFile(request, answer, content);
      };
      setTimeout(reply, 10); // so that others can come meanwhile
      return true;
    };
    await pull(modelId, { ...bench.options, network });
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(3);
    expect(asked.filter((range) => range === 'bytes=64000-127999')).toHaveLength(2);
    expect(asked.filter((range) => range === 'bytes=256000-299999')).toHaveLength(2);
  });
});

describe('a download goes on', () => {
  test('where it broke when the server drops connections mid-body', async () => {
    await using bench = await workbench();
    const asked = await survives(bench, (request, answer, { content }, earlier) => {
      if (earlier >= 12) return false;
      const [start, end] = rangeOf(request)!;
      answer.writeHead(206, {
        'content-length': end - start,
        'content-range': `bytes ${start}-${end - 1}/${content.length}`,
      });
      answer.write(content.subarray(start, start + 9000), () => answer.destroy());
      return true;
    });
    const starts = asked.map((each) => rangeOf(each)![0]);
    expect(starts).toContain(9000);
    expect(starts.filter((start) => start === 0)).toHaveLength(1);
  });

  test('when it drops more often than it may fail in a row, because bytes came between', async () => {
    await using bench = await workbench();
    const network = { ...bench.options.network, retries: 1 };
    Object.assign(bench.options, { network });
    const asked = await survives(bench, (request, answer, { content }, earlier) => {
      if (earlier > 20) return false;
      const [start, end] = rangeOf(request)!;
      answer.writeHead(206, { 'content-range': `bytes ${start}-${end - 1}/${content.length}` });
      answer.write(content.subarray(start, Math.min(start + 8000, end)), () => answer.destroy());
      return true;
    });
    expect(asked.length).toBeGreaterThan(20);
  });

  test('when a body ends early as if it were complete', async () => {
    await using bench = await workbench();
    await survives(bench, (request, answer, { content }, earlier) => {
      if (earlier > 3) return false;
      const [start, end] = rangeOf(request)!;
      const part = content.subarray(start, start + 1000);
      answer.writeHead(206, {
        'content-length': part.length,
        'content-range': `bytes ${start}-${end - 1}/${content.length}`,
      });
      answer.end(part);
      return true;
    });
  });

  test('when a body is longer than asked for', async () => {
    await using bench = await workbench();
    await survives(bench, (request, answer, { content }, earlier) => {
      if (earlier > 3) return false;
      const [start, end] = rangeOf(request)!;
      answer.writeHead(206, { 'content-range': `bytes ${start}-${end - 1}/${content.length}` });
      answer.end(Buffer.alloc(end - start + 10));
      return true;
    });
  });

  test('when another range comes than asked for, or the lengths contradict each other', async () => {
    await using bench = await workbench();
    await survives(bench, (_, answer, { content }, earlier) => {
      if (earlier > 3) return false;
      const range = earlier % 2 === 0 ? `bytes 0-9/${content.length}` : 'bytes 0-63999/777';
      answer.writeHead(206, { 'content-range': range }).end(content.subarray(0, 10));
      return true;
    });
    const { events } = bench;
    const retried = events.filter((event) => event.type === 'request-retried');
    expect(retried[0]!.reason).toMatch(/it sends bytes 0-.* instead of bytes \d+-\d+\/300000/);
  });

  test('when the server stalls, before the answer and within it', async () => {
    await using bench = await workbench();
    Object.assign(bench.options, { network: { ...bench.options.network, stallSeconds: 0.1 } });
    await survives(bench, (request, answer, { content }, earlier) => {
      if (earlier > 1) return false;
      if (earlier === 0) return true; // never answers
      const [start, end] = rangeOf(request)!;
      answer.writeHead(206, { 'content-range': `bytes ${start}-${end - 1}/${content.length}` });
      answer.write(content.subarray(start, start + 100)); // and then nothing
      return true;
    });
    expect(JSON.stringify(bench.events)).toContain('nothing came for 0.1 seconds');
  });

  test.each([429, 500, 502, 503, 504])('after a %i', async (status) => {
    await using bench = await workbench();
    await survives(bench, (_, answer, __, earlier) => {
      if (earlier > 1) return false;
      answer.writeHead(status).end('busy');
      return true;
    });
  });

  test('after the time the server asked for', async () => {
    await using bench = await workbench();
    await survives(bench, (_, answer, __, earlier) => {
      if (earlier > 1) return false;
      const header = earlier === 0 ? { 'retry-after': '0' } : { ratelimit: '"api";r=0;t=0' };
      answer.writeHead(429, header).end();
      return true;
    });
    const waits = bench.events.flatMap((event) =>
      event.type === 'request-retried' ? [event.waitSeconds] : [],
    );
    expect(waits).toEqual([0, 0]);
  });

  test('from the beginning, in one piece, when the server ignores ranges', async () => {
    await using bench = await workbench();
    const asked = await survives(bench, (_, answer, { content }, earlier) => {
      answer.writeHead(200);
      // Breaks once while it sends the whole file as well.
      if (earlier === 8) answer.write(content.subarray(0, 9000), () => answer.destroy());
      else answer.end(content);
      return true;
    });
    expect(asked.at(-1)!.headers.range).toBeUndefined();
    const restart = {
      type: 'file-restarted',
      path: weights,
      reason: 'the server sends files only whole',
    };
    expect(bench.events).toContainEqual(restart);
  });

  test('when ETags differ between ranges of the same bytes', async () => {
    await using bench = await workbench();
    await survives(bench, (request, answer, { content }, earlier) => {
      answer.setHeader('etag', `"${earlier}"`);
      sendFile(request, answer, content);
      return true;
    });
  });
});

describe('wrong bytes', () => {
  test('never get their name: they are deleted, and the error says so', async () => {
    await using bench = await workbench();
    const error = await failsAt(bench, (request, answer, { content }) => {
      sendFile(request, answer, Buffer.from(content).fill(0, 100_000, 100_001));
      return true;
    });
    expect(error).toBeInstanceOf(HashMismatchError);
    const blob = sha256(bench.hub.files[4]!.content);
    expect(error).toMatchObject({ path: weights, algorithm: 'sha256', expected: blob });
    expect(error.message).toContain(`${blob}.lingbi.incomplete was deleted. Pull again`);
    const blobs = await readdir(join(bench.repository, 'blobs'));
    expect(blobs.filter((name) => name.startsWith(blob))).toEqual([]);
    expect(await readdir(bench.repository)).not.toContain('snapshots');
  });

  test('of a file that changed between two ranges are noticed', async () => {
    await using bench = await workbench();
    const error = await failsAt(bench, (request, answer, { content }, earlier) => {
      answer.setHeader('etag', earlier < 2 ? '"old"' : '"new"');
      sendFile(request, answer, earlier < 2 ? content : Buffer.alloc(content.length));
      return true;
    });
    expect(error).toBeInstanceOf(HashMismatchError);
  });

  test('of a small file are noticed by the hash that git gives it', async () => {
    await using bench = await workbench();
    bench.hub.onFile = (_, answer, file) => {
      if (file.path !== 'config.json') return false;
      answer.end(Buffer.from('{"hidden_size": 9}\n'));
      return true;
    };
    const error = await failureOf(pull(modelId, bench.options));
    expect(error).toMatchObject({ path: 'config.json', algorithm: 'git-sha1' });
  });

  test('that are compressed are refused', async () => {
    await using bench = await workbench();
    const error = await failsAt(bench, (_, answer) => {
      answer
        .writeHead(206, { 'content-encoding': 'gzip', 'content-range': 'bytes 0-1/2' })
        .end('x');
      return true;
    });
    expect(error.message).toContain('it compresses the file (gzip) although asked not to');
  });

  test('that the list counts wrongly are an error that shows both counts', async () => {
    await using bench = await workbench();
    const config = bench.hub.files[1]!;
    bench.hub.files = [{ ...config, listed: { bytes: 5 } }, ...bench.hub.files.slice(2)];
    const error = await failureOf(pull(modelId, bench.options));
    expect(error).toBeInstanceOf(HubAnswerError);
    expect(error.message).toContain('it announces 19 bytes, and the list says 5');
    bench.hub.files = [...bench.hub.files.slice(1), { ...config, listed: { bytes: 500_000 } }];
    expect((await failureOf(pull(modelId, bench.options))).message).toMatch(
      /it sends bytes .*\/19 instead of bytes .*\/500000|it has bytes \*\/19, and the list says 500000 bytes/,
    );
  });
});

describe('redirects', () => {
  const token = 'hf_secret';

  test('to another host are followed, and it never sees the token', async () => {
    await using bench = await workbench();
    const seen: Asked[] = [];
    await using store = await startServer((request, answer) => {
      seen.push({ path: request.url!, headers: request.headers });
      sendFile(request, answer, bench.hub.files[4]!.content);
    });
    Object.assign(bench.options, { token });
    const asked = await survives(bench, (_, answer) => {
      answer.writeHead(302, { location: `${store.url}/blob?signature=1` }).end('moved');
      return true;
    });
    expect(asked.every(({ headers }) => headers.authorization === `Bearer ${token}`)).toBe(true);
    expect(seen).toHaveLength(5);
    expect(seen.some(({ headers }) => headers.authorization !== undefined)).toBe(false);
    expect(seen.some(({ headers }) => headers.range === 'bytes=64000-127999')).toBe(true);
  });

  test('within the host keep it', async () => {
    await using bench = await workbench();
    Object.assign(bench.options, { token });
    bench.hub.onList = (request, answer) => {
      if (!request.url!.includes('/revision/') || request.url!.startsWith('/moved')) return false;
      answer.writeHead(307, { location: `/moved${request.url}` }).end();
      return true;
    };
    await pull(modelId, bench.options);
    const moved = bench.hub.asked.find(({ path }) => path.startsWith('/moved'));
    expect(moved?.headers.authorization).toBe(`Bearer ${token}`);
  });

  test('to a page of the list on another host do not carry it either', async () => {
    await using bench = await workbench();
    const seen: Asked[] = [];
    await using other = await startServer((request, answer) => {
      seen.push({ path: request.url!, headers: request.headers });
      answer.end('[]');
    });
    Object.assign(bench.options, { token });
    bench.hub.onList = (request, answer) => {
      if (request.url!.includes('/tree/'))
        answer.setHeader('link', `<${other.url}/next>; rel="next"`);
      return false;
    };
    await pull(modelId, bench.options);
    expect(seen).toHaveLength(1);
    expect(seen[0]!.headers.authorization).toBeUndefined();
  });

  test('in a circle, to no address or to a file come to an end', async () => {
    await using bench = await workbench();
    const circle = await failsAt(bench, (request, answer) => {
      answer.writeHead(302, { location: request.url }).end();
      return true;
    });
    expect(circle).toBeInstanceOf(RedirectRefusedError);
    expect(circle.message).toContain('it is redirect number 9');
    for (const location of ['file:///etc/passwd?signature=secret', 'http://[']) {
      const error = await failsAt(bench, (_, answer) => {
        answer.writeHead(302, { location }).end();
        return true;
      });
      expect(error).toBeInstanceOf(RedirectRefusedError);
      expect(error.message).not.toContain('secret');
    }
  });

  test('to a link that has expired ask the hub for a new one', async () => {
    await using bench = await workbench();
    let refused = 0;
    await using store = await startServer((request, answer) => {
      if (request.url === '/expired') {
        refused++;
        answer.writeHead(403).end();
      } else sendFile(request, answer, bench.hub.files[4]!.content);
    });
    await survives(bench, (_, answer, __, earlier) => {
      const path = earlier < 2 ? 'expired' : 'fresh';
      answer.writeHead(302, { location: `${store.url}/${path}` }).end();
      return true;
    });
    expect(refused).toBe(2);
  });
});

describe('a refusal says what to do', () => {
  async function refused(
    status: number,
    headers: Record<string, string>,
    token: string | false = false,
    model = modelId,
  ): Promise<Error> {
    await using bench = await workbench();
    bench.hub.onList = (_, answer) => {
      answer.writeHead(status, headers).end('{"error":"no"}');
      return true;
    };
    return await failureOf(pull(model, { ...bench.options, token }));
  }

  test('gated: accept the terms, set a token', async () => {
    const gated = await refused(403, { 'x-error-code': 'GatedRepo' });
    expect(gated).toBeInstanceOf(GatedRepositoryError);
    expect(gated.message).toMatch(
      /accept its terms at http:\/\/127\.0\.0\.1:\d+\/internlm\/tiny and set HF_TOKEN to a token/,
    );
    const waiting = await refused(403, { 'x-error-code': 'GatedRepo' }, 'hf_a');
    expect(waiting.message).toContain('with the account whose token is in use');
  });

  test('no such repository, or a private one', async () => {
    const error = await refused(401, { 'x-error-code': 'RepoNotFound' });
    expect(error).toBeInstanceOf(RepositoryNotFoundError);
    expect(error.message).toContain(
      'knows no repository internlm/tiny. Check its name; if it is private',
    );
    expect(await refused(404, {})).toBeInstanceOf(RepositoryNotFoundError);
  });

  test('no such revision', async () => {
    const error = await refused(
      404,
      { 'x-error-code': 'RevisionNotFound' },
      false,
      `${modelId}@v9`,
    );
    expect(error).toBeInstanceOf(RevisionNotFoundError);
    expect(error.message).toContain('internlm/tiny has no branch, tag or commit v9');
  });

  test('no such file, although it is listed', async () => {
    await using bench = await workbench();
    const error = await failsAt(bench, (_, answer) => {
      answer.writeHead(404, { 'x-error-code': 'EntryNotFound' }).end();
      return true;
    });
    expect(error.name).toBe('HubFileNotFoundError');
    expect(error.message).toContain(`${weights} is listed, but it is not there`);
  });

  test('a token that is not accepted is named by where it came from, not by its value', async () => {
    const error = await refused(401, { 'x-error-code': 'RepoNotFound' }, 'hf_secret');
    expect(error).toBeInstanceOf(UnauthorizedError);
    expect(error.message).toContain('the token from the option token is not accepted');
    expect(error.message).not.toContain('hf_secret');
    expect((await refused(403, {}, 'hf_a')).message).toContain('does not permit it');
    expect((await refused(403, {})).message).toContain('it asks who you are. Set HF_TOKEN');
  });

  test('too many requests, for longer than anybody waits', async () => {
    const error = await refused(429, { 'retry-after': '3600' });
    expect(error).toBeInstanceOf(HubAnswerError);
    expect(error.message).toContain(
      'too many requests. Try again in 3600 seconds, or set HF_TOKEN',
    );
  });

  test('something that is not JSON', async () => {
    await using bench = await workbench();
    bench.hub.onList = (_, answer) => {
      answer.end('<html>Please log in to the hotel');
      return true;
    };
    const error = await failureOf(pull(modelId, bench.options));
    expect(error.message).toContain('it is not JSON but begins with "<html>Please log in');
  });

  test('an endpoint out of reach, with the cached copy if there is one', async () => {
    await using bench = await workbench();
    const { folder } = await pull(modelId, bench.options);
    await bench.hub[Symbol.asyncDispose]();
    const error = await failureOf(pull(modelId, bench.options));
    expect(error).toBeInstanceOf(EndpointUnreachableError);
    expect(error).toMatchObject({ code: 'ECONNREFUSED', cachedFolder: folder });
    expect(error.message).toContain('set HF_HUB_OFFLINE=1 to use it as it is');
    const without = await failureOf(pull(`${modelId}@other`, bench.options));
    expect(without.message).toContain('Check the network, HTTPS_PROXY and NO_PROXY');
  });
});
