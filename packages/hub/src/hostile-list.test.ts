import { readdir } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { HubError, PullLimitError, UnsafeFileNameError } from './errors.ts';
import type { PullOptions } from './options.ts';
import { pull } from './pull.ts';
import { type FakeFile, modelId, tinyCheckpoint } from './test-tools/hub-server.ts';
import { failureOf, type Workbench, workbench } from './test-tools/workbench.ts';

/** Pulls all files of a list, expects a failure, and that nothing was asked for or written. */
async function refused(
  files: readonly FakeFile[],
  options: PullOptions = {},
  prepare: (bench: Workbench) => void = () => {},
): Promise<Error> {
  await using bench = await workbench(files);
  prepare(bench);
  const error = await failureOf(pull(modelId, { ...bench.options, files: 'all', ...options }));
  expect(error).toBeInstanceOf(HubError);
  expect(await readdir(bench.cache)).toEqual([]);
  expect(bench.hub.asked.filter(({ path }) => path.includes('/resolve/'))).toEqual([]);
  return error;
}

const content = Buffer.from('x');

describe('a list of files cannot reach outside of the cache', () => {
  test.each([
    ['../evil', 'it is not a plain path'],
    ['a/../../evil', 'it is not a plain path'],
    ['/etc/passwd', 'it is an absolute path'],
    ['a//b', 'it is not a plain path'],
    ['./a', 'it is not a plain path'],
    ['a\\..\\b', 'a character that some system does not allow'],
    ['C:evil', 'a character that some system does not allow'],
    ['a\u0000b', 'a character that some system does not allow'],
    ['a\nb', 'a character that some system does not allow'],
    ['con.json', 'the name of a device on Windows'],
    ['a. ', 'ends in a dot or space'],
    [`${'a'.repeat(256)}`, 'a part of it is too long'],
    [`${'a/'.repeat(300)}b`, 'it is longer than 512 bytes'],
    ['', 'the name is empty'],
  ])('by the name %j', async (path, problem) => {
    const error = await refused([{ path, content }]);
    expect(error).toBeInstanceOf(UnsafeFileNameError);
    expect(error.message).toContain(problem);
  });

  test('by two names that are one file on some system', async () => {
    const error = await refused([
      { path: 'A.json', content },
      { path: 'a.json', content },
    ]);
    expect(error.message).toContain('another file has the same name');
  });

  test('by a file that is also a folder', async () => {
    const error = await refused([
      { path: 'a/b', content },
      { path: 'a', content },
    ]);
    expect(error.message).toContain('it is a file and also a folder');
  });

  test.each(['../../../evil', 'g'.repeat(40), 'a'.repeat(64), '', 7])(
    'by the hash %j',
    async (hash) => {
      const error = await refused([{ path: 'a', content, listed: { hash } }]);
      expect(error).toBeInstanceOf(UnsafeFileNameError);
      expect(error.message).toContain('its git-sha1 is');
    },
  );

  test.each([-1, 1.5, '7', 2 ** 60, null])('by the size %j', async (bytes) => {
    // JSON drops what is undefined: null stands for a size that is not there
    const listed = { bytes: bytes === null ? {} : bytes };
    expect((await refused([{ path: 'a', content, listed }])).message).toContain('its size is');
  });

  test('by the commit', async () => {
    const error = await refused(tinyCheckpoint(), {}, (bench) => {
      bench.hub.commit = '../../../../evil';
    });
    expect(error.message).toContain('the commit of internlm/tiny@main is ../../../../evil');
  });

  test('while files that nobody asked for may be called what they like', async () => {
    await using bench = await workbench([...tinyCheckpoint(), { path: '../evil', content }]);
    await expect(pull(modelId, bench.options)).resolves.toBeDefined();
  });
});

describe('a list has its limits', () => {
  test('in files', async () => {
    const error = await refused(tinyCheckpoint(), { limits: { files: 3 } });
    expect(error).toBeInstanceOf(PullLimitError);
    expect(error.message).toBe(
      'the repository has at least 4 files, and 3 are allowed. Choose files, or raise limits.files',
    );
  });

  test('in bytes', async () => {
    const error = await refused(tinyCheckpoint(), { limits: { bytes: 1000 } });
    expect(error).toMatchObject({ limit: 'bytes', allowed: 1000 });
  });

  test('in the length of its text', async () => {
    const error = await refused(tinyCheckpoint(), { limits: { listingBytes: 500 } });
    expect(error).toMatchObject({ limit: 'listingBytes', allowed: 500 });
  });

  test('in pages, even of nothing', async () => {
    const error = await refused(tinyCheckpoint(), { limits: { files: 20 } }, (bench) => {
      bench.hub.onList = (request, answer) => {
        if (!request.url!.includes('/tree/')) return false;
        answer.setHeader('link', `<${bench.hub.url}${request.url}>; rel="next"`).end('[]');
        return true;
      };
    });
    expect(error).toMatchObject({ limit: 'files', allowed: 20 });
  });
});
