import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { convertCheckpoint } from '@lingbi/hub';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createReport } from '../report/report.ts';
import { cacheFolderAs } from '../test-support/hub-cache.ts';
import { fixture } from '../test-support/run-lingbi.ts';
import type { Check } from './check.ts';
import { checkModel } from './check-model.ts';

const run = { report: createReport({ quiet: true }), signal: new AbortController().signal };

/** Of its headers. */
async function checked(model: string, cacheFolder?: string): Promise<Check> {
  const checks = await checkModel(model, run, cacheFolder === undefined ? {} : { cacheFolder });
  return checks.find(({ name }) => name === 'checkpoint')!;
}

describe('doctor looks at', () => {
  const micro = fixture('ixc25-micro');
  let folder: string;
  let cache: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lingbi-doctor-'));
    cache = join(folder, 'cache');
    await cacheFolderAs(cache, 'somebody/micro', micro);
    await cp(micro, join(folder, 'half'), { recursive: true });
    await rm(join(folder, 'half', 'model-00002-of-00002.safetensors'));
    await cacheFolderAs(cache, 'somebody/half', join(folder, 'half'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test('a folder as it was published', async () => {
    expect(await checked(micro)).toMatchObject({
      ...{ name: 'checkpoint', state: 'good' },
      detail: expect.stringMatching(/^\d+ tensors in .*ixc25-micro$/),
    });
  });

  test('a converted folder, and says when its weights do not fit its manifest', async () => {
    const out = join(folder, 'converted');
    await convertCheckpoint(micro, out, { weights: 'f16' });
    expect(await checked(out)).toMatchObject({ state: 'good' });
    const manifest = JSON.stringify({ version: 1, weights: {}, tensors: {} });
    await writeFile(join(out, 'lingbi.json'), manifest);
    const { state, detail } = await checked(out);
    expect(state).toBe('bad');
    expect(detail).toContain('Convert the checkpoint again');
  });

  test('an id of the hub that is in the cache', async () => {
    const check = await checked('somebody/micro', cache);
    expect(check).toMatchObject({ state: 'good' });
    expect(check.detail).toContain(cache);
  });

  test('every byte of a converted checkpoint that is in the cache', async () => {
    const out = join(folder, 'shared');
    await convertCheckpoint(micro, out, { weights: 'f16' });
    await cacheFolderAs(cache, 'somebody/shared', out);
    const checks = await checkModel('somebody/shared', run, { cacheFolder: cache });
    expect(checks).toMatchObject([
      { name: 'checkpoint', state: 'good' },
      { name: 'converted files', state: 'good' },
    ]);
  });

  test.each([
    ['somebody/something', 'holds no copy of it'],
    ['somebody/half', 'lacks model-00002-of-00002.safetensors'],
  ])('%s, whose cache %s, and says how to pull it', async (id, problem) => {
    const check = await checked(id, cache);
    expect(check).toMatchObject({ state: 'missing', fix: `lingbi pull ${id}` });
    expect(check.detail).toContain(`${id} is an id of the hub`);
    expect(check.detail).toContain(problem);
  });

  test('what is neither, and says what would be right', async () => {
    const check = await checked(join(folder, 'nowhere'));
    expect(check).toMatchObject({ state: 'bad' });
    expect(check.detail).toContain('there is no such folder. Give the path of a folder');
  });
});
