import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { planPull, pull } from './pull.ts';
import { modelId, rangeOf, sendFile, sha256, tinyCheckpoint } from './test-tools/hub-server.ts';
import { failureOf, type Workbench, workbench } from './test-tools/workbench.ts';

const weights = 'model-1-of-2.safetensors';
const script = fileURLToPath(new URL('test-tools/pull-in-process.ts', import.meta.url));

function startProcess(bench: Workbench): ChildProcess {
  const options = ['--import', 'tsx', '--conditions=lingbi:source', script];
  return spawn(process.execPath, [...options, bench.hub.url, bench.cache], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

async function resultOf(child: ChildProcess): Promise<{ folder: string; types: string[] }> {
  const types: string[] = [];
  let folder = '';
  for await (const line of createInterface({ input: child.stdout! })) {
    const event = JSON.parse(line) as { type: string; folder?: string };
    types.push(event.type);
    folder = event.folder ?? folder;
  }
  return { folder, types };
}

async function expectSameBytes(bench: Workbench, folder: string): Promise<void> {
  for (const path of await readdir(folder)) {
    const { content } = bench.hub.files.find((file) => file.path === path)!;
    expect(content.equals(await readFile(join(folder, path))), path).toBe(true);
  }
}

/** Serves the weights up to this many bytes altogether, and then holds every connection. */
function holdAfter(bench: Workbench, bytes: number): Promise<void> {
  let served = 0;
  return new Promise((held) => {
    bench.hub.onFile = (request, answer, { path, content }) => {
      if (path !== weights) return false;
      const [start, end] = rangeOf(request) ?? [0, content.length];
      if (served >= bytes) {
        held();
        return true;
      }
      served += end - start;
      sendFile(request, answer, content);
      return true;
    };
  });
}

function rangesAskedFor(bench: Workbench): number[] {
  return bench.hub.asked
    .filter(({ path }) => path.endsWith(weights))
    .map((asked) => rangeOf(asked)?.[0] ?? 0)
    .sort((a, b) => a - b);
}

describe('a pull that was killed', () => {
  test('is continued by the next process, which ends with the same bytes', async () => {
    await using bench = await workbench(tinyCheckpoint(6_000_000));
    const held = holdAfter(bench, 3_000_000);
    const child = startProcess(bench);
    child.stdout!.resume();
    await held;
    await journalHolds(bench, 3);
    child.kill('SIGKILL');
    await once(child, 'exit');
    bench.hub.asked.length = 0;
    bench.hub.onFile = undefined;
    const { folder } = await resultOf(startProcess(bench));
    expect(rangesAskedFor(bench)).toHaveLength(3); // of six parts
    await expectSameBytes(bench, folder);
    const blobs = await readdir(join(bench.repository, 'blobs'));
    expect(blobs.filter((name) => name.includes('lingbi'))).toEqual([]);
  });
});

/** Waits until so many parts of the weights are noted as written. */
async function journalHolds(bench: Workbench, parts: number): Promise<void> {
  const path = `${blobOf(bench)}.lingbi.journal`;
  const lines = async (): Promise<number> =>
    (await readFile(path, 'utf8').catch(() => '')).trim().split('\n').length - 1;
  while ((await lines()) < parts) await new Promise((done) => setTimeout(done, 20));
}

function blobOf(bench: Workbench): string {
  return join(bench.repository, 'blobs', sha256(bench.hub.files[4]!.content));
}

describe('a pull that was aborted', () => {
  async function aborted(bench: Workbench): Promise<void> {
    const abort = new AbortController();
    const held = holdAfter(bench, 128_000)
      .then(() => journalHolds(bench, 1))
      .then(() => abort.abort(new Error('changed my mind')));
    const error = await failureOf(pull(modelId, { ...bench.options, signal: abort.signal }));
    await held;
    expect(error.message).toBe('changed my mind');
    bench.hub.onFile = undefined;
    bench.hub.asked.length = 0;
  }

  test('gives back its locks, leaves no folder, and is continued', async () => {
    await using bench = await workbench();
    await aborted(bench);
    expect(await readdir(join(bench.cache, '.locks/models--internlm--tiny'))).toEqual([]);
    expect(await readdir(bench.repository)).toEqual(['blobs']);
    const plan = await planPull(modelId, bench.options);
    const planned = plan.files.find(({ path }) => path === weights);
    expect(planned?.missingBytes).toBeLessThan(300_000);
    const { folder } = await pull(modelId, bench.options);
    expect(rangesAskedFor(bench).length).toBeLessThan(5);
    await expectSameBytes(bench, folder);
  });

  test('is begun anew when what it left is about other bytes or damaged', async () => {
    await using bench = await workbench();
    await aborted(bench);
    const text = await readFile(`${blobOf(bench)}.lingbi.journal`, 'utf8');
    await writeFile(
      `${blobOf(bench)}.lingbi.journal`,
      text.replace(/sha256 .{8}/, 'sha256 00000000'),
    );
    const { folder } = await pull(modelId, bench.options);
    expect(rangesAskedFor(bench)).toEqual([0, 64_000, 128_000, 192_000, 256_000]);
    await expectSameBytes(bench, folder);
  });

  test('survives a journal whose last line was cut short', async () => {
    await using bench = await workbench();
    await aborted(bench);
    await appendFile(`${blobOf(bench)}.lingbi.journal`, '128000 2999');
    await expectSameBytes(bench, (await pull(modelId, bench.options)).folder);
    expect(rangesAskedFor(bench).length).toBeLessThan(5);
  });

  test('is begun anew when the disk lost what the journal says', async () => {
    await using bench = await workbench();
    await aborted(bench);
    await writeFile(`${blobOf(bench)}.lingbi.incomplete`, Buffer.alloc(300_000));
    const { folder } = await pull(modelId, bench.options);
    const reason = 'what an earlier run left was damaged';
    expect(bench.events).toContainEqual({ type: 'file-restarted', path: weights, reason });
    await expectSameBytes(bench, folder);
  });

  test('that had everything but the name is only hashed', async () => {
    await using bench = await workbench();
    await pull(modelId, bench.options);
    const { content } = bench.hub.files[4]!;
    const { rename } = await import('node:fs/promises');
    await rename(blobOf(bench), `${blobOf(bench)}.lingbi.incomplete`);
    const head = `lingbi 1 sha256 ${sha256(content)} ${content.length}\n`;
    await writeFile(`${blobOf(bench)}.lingbi.journal`, `${head}0 ${content.length}\n`);
    bench.hub.asked.length = 0;
    await expectSameBytes(bench, (await pull(modelId, bench.options)).folder);
    expect(rangesAskedFor(bench)).toEqual([]);
    expect((await stat(blobOf(bench))).size).toBe(content.length);
  });
});

test('what a process left that was killed right after naming a file is cleared away', async () => {
  await using bench = await workbench();
  await pull(modelId, bench.options);
  await writeFile(`${blobOf(bench)}.lingbi.journal`, 'lingbi 1');
  await pull(modelId, bench.options);
  const blobs = await readdir(join(bench.repository, 'blobs'));
  expect(blobs.filter((name) => name.includes('lingbi'))).toEqual([]);
});

describe('two pulls of one repository', () => {
  test('in two processes fetch each part once', async () => {
    await using bench = await workbench(tinyCheckpoint(3_000_000));
    bench.hub.onFile = (request, answer, { content }) => {
      setTimeout(() => sendFile(request, answer, content), 100); // so that they meet
      return true;
    };
    const both = await Promise.all([startProcess(bench), startProcess(bench)].map(resultOf));
    expect(both[0]!.folder).toBe(both[1]!.folder);
    await expectSameBytes(bench, both[0]!.folder);
    expect(rangesAskedFor(bench)).toEqual([0, 1_000_000, 2_000_000]);
  });

  test('in one process wait for each other', async () => {
    await using bench = await workbench();
    const both = await Promise.all([pull(modelId, bench.options), pull(modelId, bench.options)]);
    expect(both[0]).toEqual(both[1]);
    await expectSameBytes(bench, both[0].folder);
    expect(rangesAskedFor(bench)).toHaveLength(5);
    expect(bench.events.some(({ type }) => type === 'file-awaited')).toBe(true);
  });
});
