import {
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { HubFileNotFoundError, NotEnoughSpaceError, OfflineError } from './errors.ts';
import { planPull, pull } from './pull.ts';
import { commit, gitHash, modelId, sha256, tinyCheckpoint } from './test-tools/hub-server.ts';
import { failureOf, workbench } from './test-tools/workbench.ts';

const statfs = vi.hoisted(() => vi.fn());
const fakeSymlink = vi.hoisted(() => vi.fn());
const realSymlink = vi.hoisted(() => vi.fn());
vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  statfs.mockImplementation(real.statfs);
  fakeSymlink.mockImplementation(real.symlink);
  realSymlink.mockImplementation(real.symlink);
  return { ...real, statfs, symlink: fakeSymlink };
});

const wanted = [
  'config.json',
  'model-1-of-2.safetensors',
  'model-2-of-2.safetensors',
  'model.safetensors.index.json',
  'tokenizer.model',
];

describe('pull()', () => {
  test('brings what a checkpoint needs into a folder', async () => {
    await using bench = await workbench();
    const pulled = await pull(modelId, bench.options);
    expect(pulled.revision).toBe(commit);
    expect(pulled.files.map(({ path }) => path).sort()).toEqual(wanted);
    expect((await readdir(pulled.folder)).sort()).toEqual(wanted);
    for (const { path, content } of tinyCheckpoint().filter(({ path }) => wanted.includes(path))) {
      expect(content.equals(await readFile(join(pulled.folder, path))), path).toBe(true);
    }
  });

  test('lays the cache out as the Hugging Face libraries do', async () => {
    await using bench = await workbench();
    await pull(modelId, bench.options);
    const { repository } = bench;
    const file = (path: string): Buffer =>
      tinyCheckpoint().find((candidate) => candidate.path === path)!.content;
    const config = gitHash(file('config.json'));
    const weights = sha256(file('model-1-of-2.safetensors'));
    const snapshot = join(repository, 'snapshots', commit);
    expect(await readlink(join(snapshot, 'config.json'))).toBe(`../../blobs/${config}`);
    expect(await readlink(join(snapshot, 'model-1-of-2.safetensors'))).toBe(
      `../../blobs/${weights}`,
    );
    expect(await readFile(join(repository, 'refs/main'), 'utf8')).toBe(commit);
    expect(await readdir(join(repository, 'blobs'))).toHaveLength(wanted.length);
    expect(await readdir(join(bench.cache, '.locks', 'models--internlm--tiny'))).toEqual([]);
  });

  test('fetches nothing that is there', async () => {
    await using bench = await workbench();
    await pull(modelId, bench.options);
    bench.hub.asked.length = 0;
    await pull(modelId, bench.options);
    expect(bench.hub.asked.map(({ path }) => path.split('?')[0])).toEqual([
      `/api/models/${modelId}/revision/main`,
      `/api/models/${modelId}/tree/${commit}`,
    ]);
  });

  test('does not ask the hub for a commit that is cached whole', async () => {
    await using bench = await workbench();
    await pull(modelId, bench.options);
    bench.hub.asked.length = 0;
    const pulled = await pull(`${modelId}@${commit}`, bench.options);
    expect(pulled.files.map(({ path }) => path).sort()).toEqual(wanted);
    expect(bench.hub.asked).toEqual([]);
  });

  test('stores a file once that two commits share', async () => {
    await using bench = await workbench();
    await pull(modelId, bench.options);
    bench.hub.commit = 'f'.repeat(40);
    bench.hub.files = bench.hub.files.map((file) =>
      file.path === 'config.json' ? { ...file, content: Buffer.from('{}') } : file,
    );
    const { folder } = await pull(modelId, bench.options);
    expect(await readFile(join(folder, 'config.json'), 'utf8')).toBe('{}');
    expect(await readdir(join(bench.repository, 'blobs'))).toHaveLength(wanted.length + 1);
    expect(await readFile(join(bench.repository, 'refs/main'), 'utf8')).toBe('f'.repeat(40));
  });

  test('uses what the Python library pulled, links or not', async () => {
    await using bench = await workbench();
    const [config, weights] = [bench.hub.files[1]!, bench.hub.files[4]!];
    const snapshot = join(bench.repository, 'snapshots', commit);
    await mkdir(join(bench.repository, 'blobs'), { recursive: true });
    await mkdir(snapshot, { recursive: true });
    await writeFile(join(bench.repository, 'blobs', sha256(weights.content)), weights.content);
    await symlink(`../../blobs/${sha256(weights.content)}`, join(snapshot, weights.path));
    await writeFile(join(snapshot, config.path), config.content); // Windows without links
    await pull(modelId, bench.options);
    const asked = bench.hub.asked.map(({ path }) => path.split('/').at(-1));
    expect(asked).not.toContain('config.json');
    expect(asked).not.toContain('model-1-of-2.safetensors');
    expect(asked).toContain('model-2-of-2.safetensors');
  });

  test('fetches again what has another size than published', async () => {
    await using bench = await workbench();
    const { folder } = await pull(modelId, bench.options);
    const blob = join(bench.repository, 'blobs', sha256(bench.hub.files[7]!.content));
    await writeFile(blob, 'cut short');
    await pull(modelId, bench.options);
    expect(await readFile(join(folder, 'tokenizer.model'))).toHaveLength(5000);
  });

  test('takes .bin files where there are no safetensors', async () => {
    const torch = tinyCheckpoint().filter(({ path }) => !path.includes('safetensors'));
    await using bench = await workbench(torch);
    const { files } = await pull(modelId, bench.options);
    expect(files.map(({ path }) => path)).toContain('pytorch_model.bin');
  });

  test('fetches files by pattern, in folders too', async () => {
    const extra = { path: 'base/config.json', content: Buffer.from('{"a":1}') };
    await using bench = await workbench([...tinyCheckpoint(), extra]);
    const { folder, files } = await pull(modelId, { ...bench.options, files: ['base/*', '*.py'] });
    expect(files.map(({ path }) => path)).toEqual(['modeling.py', 'base/config.json']);
    expect(await readlink(join(folder, 'base/config.json'))).toMatch(/^\.\.\/\.\.\/\.\.\/blobs\//);
    expect(await readFile(join(folder, 'base/config.json'), 'utf8')).toBe('{"a":1}');
  });

  test('says which pattern matches nothing, and when it is no checkpoint', async () => {
    await using bench = await workbench();
    const error = await failureOf(pull(modelId, { ...bench.options, files: ['*.onnx'] }));
    expect(error).toBeInstanceOf(HubFileNotFoundError);
    expect(error.message).toBe('internlm/tiny@main: no file is called *.onnx');
    bench.hub.files = bench.hub.files.filter(({ path }) => path !== 'config.json');
    await expect(pull(modelId, bench.options)).rejects.toThrow('it has no config.json');
  });

  test('takes empty files and files with equal contents', async () => {
    const config = tinyCheckpoint()[1]!;
    const empty = { path: 'a b#.txt', content: Buffer.alloc(0) };
    await using bench = await workbench([config, empty, { ...config, path: 'copy.json' }]);
    const { folder } = await pull(modelId, { ...bench.options, files: 'all' });
    expect(await readFile(join(folder, 'a b#.txt'))).toHaveLength(0);
    expect(await readFile(join(folder, 'copy.json'))).toEqual(config.content);
    expect(await readdir(join(bench.repository, 'blobs'))).toHaveLength(2);
  });

  test('gives files a second name where links are not permitted', async () => {
    await using bench = await workbench();
    fakeSymlink.mockRejectedValue(Object.assign(new Error('not permitted'), { code: 'EPERM' }));
    try {
      const { folder } = await pull(modelId, bench.options);
      const found = await lstat(join(folder, 'tokenizer.model'));
      expect(found.isFile() && found.nlink === 2).toBe(true);
      await expect(
        pull(`${modelId}@${commit}`, { ...bench.options, offline: true }),
      ).resolves.toBeDefined();
    } finally {
      fakeSymlink.mockImplementation(realSymlink);
    }
  });

  test('fetches nothing when the disk is too small', async () => {
    await using bench = await workbench();
    statfs.mockResolvedValueOnce({ bavail: 100, bsize: 1000 });
    const error = await failureOf(pull(modelId, bench.options));
    expect(error).toBeInstanceOf(NotEnoughSpaceError);
    expect(error).toMatchObject({ freeBytes: 100_000, folder: bench.cache });
    expect(await readdir(bench.cache)).toEqual([]);
    expect(bench.hub.asked.filter(({ path }) => path.includes('/resolve/'))).toEqual([]);
  });

  test('reports a plan, each file, and bytes that add up', async () => {
    await using bench = await workbench();
    await pull(modelId, bench.options);
    const { events } = bench;
    expect(events[0]).toMatchObject({
      type: 'plan-made',
      plan: { missingBytes: expect.any(Number) },
    });
    const types = (path: string): string[] =>
      events.filter((event) => 'path' in event && event.path === path).map(({ type }) => type);
    expect(types('tokenizer.model')).toEqual([
      'file-started',
      'bytes-received',
      'verification-started',
      'file-finished',
    ]);
    expect(events).toContainEqual({
      type: 'bytes-received',
      path: 'model-1-of-2.safetensors',
      bytes: 300_000,
      receivedBytes: 300_000,
    });
  });

  test('refuses options and names that it does not know', async () => {
    await using bench = await workbench();
    const mistaken = { ...bench.options, mirror: 'x' };
    await expect(pull(modelId, mistaken)).rejects.toThrow(
      'pull: unknown option mirror. It takes source,',
    );
    await expect(pull('../etc')).rejects.toThrow('is not the name of a repository');
    await expect(pull(`${modelId}@a`, { revision: 'b' })).rejects.toThrow('contradict each other');
    await expect(pull(modelId, { network: { connections: 0 } })).rejects.toThrow(
      'connections is 0',
    );
  });
});

describe('planPull()', () => {
  test('says what would be fetched and writes nothing', async () => {
    await using bench = await workbench();
    const plan = await planPull(modelId, bench.options);
    expect(plan.files.find(({ path }) => path === 'tokenizer.model')).toMatchObject({
      bytes: 5000,
      missingBytes: 5000,
    });
    expect(plan.missingBytes).toBe(plan.bytes);
    expect(plan.folder).toBe(join(bench.repository, 'snapshots', commit));
    expect(await readdir(bench.cache)).toEqual([]);
    await pull(modelId, bench.options);
    expect(await planPull(modelId, bench.options)).toMatchObject({
      missingBytes: 0,
      bytes: plan.bytes,
    });
  });
});

describe('offline', () => {
  test('a cached copy is used', async () => {
    await using bench = await workbench();
    const online = await pull(modelId, bench.options);
    const environment = { HF_HUB_OFFLINE: '1' };
    bench.hub.asked.length = 0;
    const offline = await pull(modelId, { ...bench.options, environment });
    expect(offline.folder).toBe(online.folder);
    expect(bench.hub.asked).toEqual([]);
  });

  test('the error says that there is none, or what it lacks', async () => {
    await using bench = await workbench();
    const options = { ...bench.options, offline: true };
    const nothing = await failureOf(pull(modelId, options));
    expect(nothing).toBeInstanceOf(OfflineError);
    expect(nothing.message).toContain(
      'holds no copy of it. Pull it once with HF_HUB_OFFLINE unset',
    );
    const { folder } = await pull(modelId, bench.options);
    await rm(join(folder, 'model-2-of-2.safetensors'));
    expect(await failureOf(pull(modelId, options))).toMatchObject({
      missing: ['model-2-of-2.safetensors'],
    });
    expect((await failureOf(planPull(modelId, options))).name).toBe('OfflineError');
  });

  test('a link to contents that are gone does not count', async () => {
    await using bench = await workbench();
    await pull(modelId, bench.options);
    await rm(join(bench.repository, 'blobs', gitHash(bench.hub.files[1]!.content)));
    const error = await failureOf(pull(modelId, { ...bench.options, offline: true }));
    expect(error).toMatchObject({ missing: ['config.json'] });
  });
});
