import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { synthCheckpoint } from '../synth/synth-checkpoint.ts';
import { terabytes } from '../test-tools/terabytes.ts';
import { failureOf } from '../test-tools/workbench.ts';
import { requirePlace } from './require-place.ts';
import { openStaging } from './staging.ts';
import { type ConvertedCheckpoint, writeConverted } from './write-converted.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lingbi-staging-'));
});
afterAll(() => rm(folder, { recursive: true }));

const weights = ['w1', 'w2', 'w3'].map((name) => ({
  name,
  shape: [256],
  encoding: { kind: 'dense', dtype: 'float32' } as const,
}));
const checkpoint: ConvertedCheckpoint = {
  weights,
  tensors: new Map(),
  files: new Map(),
  origin: {},
};
/** A file for each weight. */
const shardBytes = 1024;

async function* zeros() {
  yield { part: 'values' as const, bytes: new Uint8Array(1024) };
}

test.each(['int4', 'bf16'] as const)(
  'in %s, what others put beside it is left alone',
  async (weights) => {
    const out = join(folder, `foreign-${weights}`);
    const theirs = join(`${out}.partial`, 'thesis.txt');
    await mkdir(`${out}.partial`);
    await writeFile(theirs, 'years of work');
    const sizes = {
      vocabularySize: 320,
      hiddenSize: 64,
      mlpSize: 64,
      layers: 1,
      heads: 4,
      kvHeads: 2,
    };
    const error = await failureOf(synthCheckpoint(out, { shape: sizes, weights }));
    expect(error).toMatchObject({ name: 'OutputExistsError', out: `${out}.partial` });
    expect(error.message).toContain('it is no unfinished checkpoint');
    expect(await readFile(theirs, 'utf8')).toBe('years of work');
  },
);

test('what an interrupted run finished outlives one with other options that has no room', async () => {
  const out = join(folder, 'other-options');
  const first = await openStaging(out, 'first');
  await first.create();
  await writeFile(join(first.folder, 'a'), 'finished');
  await first.record('a', { bytes: 8, sha256: '' });
  const error = await failureOf(synthCheckpoint(out, { shape: terabytes }));
  expect(error.name).toBe('DiskFullError');
  expect((await openStaging(out, 'first')).finished('a')).toBeDefined();
});

test('what will be written over counts as room, what is finished does not', async () => {
  const out = join(folder, 'room');
  const staging = await openStaging(out, 'key');
  expect(await staging.reusableBytes()).toBe(0);
  await staging.create();
  await writeFile(join(staging.folder, 'finished'), new Uint8Array(1_000_000).fill(1), {
    flush: true,
  });
  await writeFile(join(staging.folder, 'unfinished'), new Uint8Array(500_000).fill(1), {
    flush: true,
  });
  await staging.record('finished', { bytes: 1_000_000, sha256: '' });
  const again = await openStaging(out, 'key');
  expect(await again.reusableBytes()).toBeGreaterThanOrEqual(500_000);
  expect(await again.reusableBytes()).toBeLessThan(600_000);
  const others = await openStaging(out, 'another key');
  expect(await others.reusableBytes()).toBeGreaterThanOrEqual(1_500_000);
});

test.each(['int4', 'bf16'] as const)(
  'in %s, a place where no folder can be made is said, and why',
  async (weights) => {
    const file = join(folder, `file-${weights}`);
    await writeFile(file, '');
    const shape = { vocabularySize: 320, hiddenSize: 64, mlpSize: 64, layers: 1 };
    const sizes = { ...shape, heads: 4, kvHeads: 2 };
    for (const out of [join(file, 'out'), join(file, 'more', 'out')]) {
      const error = await failureOf(synthCheckpoint(out, { shape: sizes, weights }));
      expect(error).toMatchObject({ name: 'OutputPlaceError', out });
      expect(error.message).toContain(
        `Cannot make the folder ${out}: a part of its path is a file`,
      );
      expect(error.message).toMatch(/Name another place for it$/);
    }
    const out = join(folder, `beside-${weights}`);
    await writeFile(`${out}.partial`, '');
    const error = await failureOf(synthCheckpoint(out, { shape: sizes, weights }));
    expect(error).toMatchObject({ name: 'OutputPlaceError', out });
    expect(error.message).toContain(`${out}.partial`);
  },
);

test('whether there is a place is asked without making it', async () => {
  const out = join(folder, 'not', 'yet', 'there');
  await requirePlace(out);
  expect(await readdir(folder)).not.toContain('not');
  const file = join(folder, 'some-file');
  await writeFile(file, '');
  expect(await failureOf(requirePlace(file))).toMatchObject({ name: 'OutputExistsError' });
  for (const place of [join(file, 'out'), join(file, 'more', 'out')]) {
    expect(await failureOf(requirePlace(place))).toMatchObject({ code: 'ENOTDIR' });
  }
});

test('a second conversion to the same place is refused while the first runs', async () => {
  const out = join(folder, 'busy');
  let refused: unknown;
  const make = async function* () {
    refused ??= await failureOf(writeConverted(out, checkpoint, zeros, { shardBytes }));
    yield* zeros();
  };
  await writeConverted(out, checkpoint, make, { shardBytes });
  expect(refused).toMatchObject({
    name: 'OutputBusyError',
    out,
    holder: expect.stringContaining(String(process.pid)),
  });
  expect((await readdir(folder)).filter((name) => name.startsWith('busy'))).toEqual(['busy']);
});

test('a file that vanished before all were written is no checkpoint, and is written again', async () => {
  const out = join(folder, 'vanished');
  const file = 'model-00001-of-00003.safetensors';
  const make = async function* ({ name }: { name: string }) {
    if (name === 'w3') await rm(join(`${out}.partial`, file));
    yield* zeros();
  };
  const error = await failureOf(writeConverted(out, checkpoint, make, { shardBytes }));
  expect(error).toMatchObject({ name: 'ConvertError' });
  expect(error.message).toContain(`${file} is not as it was written`);
  await writeConverted(out, checkpoint, zeros, { shardBytes });
  expect(await readdir(out)).toContain(file);
});
