import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import {
  checkpointWeights,
  convertedWeights,
  openCheckpoint,
  readConfig,
  readFloat32,
  relativeError,
  type WeightSource,
  weightRole,
  writeSafetensors,
  xcomposerWeightMap,
} from '@lingbi/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthCheckpoint } from '../synth/synth-checkpoint.ts';
import { torchOf } from '../test-tools/torch-of.ts';
import { failureOf } from '../test-tools/workbench.ts';
import { type ConvertOptions, convertCheckpoint } from './convert-checkpoint.ts';
import type { ConvertEvent } from './events.ts';
import { writeConverted } from './write-converted.ts';

const micro = fileURLToPath(new URL('../../../../fixtures/ixc25-micro', import.meta.url));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lingbi-convert-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('a converted checkpoint holds the weights of its source', () => {
  test('to the last bit as f32', async () => {
    const out = join(folder, 'f32');
    await convertCheckpoint(micro, out, { weights: 'f32' });
    for (const [name, { found, wanted }] of await compare(out)) {
      expect(relativeError(found, wanted), name).toBe(0);
    }
  });

  // A step of 4 bits is an eighth of a block's largest number, one of 8 bits a 128th.
  test.each([
    ['int4', 1 / 8],
    ['int8', 1 / 128],
    ['f16', 2 ** -11],
  ] as const)('within its step as %s, what is small exactly', async (weights, bound) => {
    const out = join(folder, weights);
    const block = weights === 'f16' ? {} : ({ block: 32 } as const);
    await convertCheckpoint(micro, out, { weights, ...block, vision: 'int8' });
    for (const [name, { found, wanted }] of await compare(out)) {
      const role = weightRole(name);
      const isLinear = role === 'linear' || role === 'head';
      const allowed = { plain: 0, lora: 2 ** -11, embeddings: 2 ** -11, tower: 1 / 127 };
      const limit = isLinear ? bound : (allowed[role as 'plain'] ?? 1 / 127);
      expect(relativeError(found, wanted), name).toBeLessThanOrEqual(limit);
    }
  });

  test('with the adapters that were asked for', async () => {
    const out = join(folder, 'web');
    await convertCheckpoint(micro, out, { adapters: ['web'] });
    await using converted = await openWeights(out);
    const { adapters } = converted.config;
    expect(adapters).toEqual(['base', 'web']);
  });

  test('in a folder whose name may end in a slash', async () => {
    const out = join(folder, 'slash');
    await convertCheckpoint(micro, `${out}/`);
    await using converted = await openWeights(out);
    expect(converted.checkpoint.manifest).toBeDefined();
  });

  test('after its source was read for hashes, of which every byte is told', async () => {
    const events: ConvertEvent[] = [];
    const onProgress = (event: ConvertEvent) => void events.push(event);
    await convertCheckpoint(micro, join(folder, 'told'), { onProgress });
    const hashed = events.filter((event) => event.type === 'bytes-hashed').at(-1)!;
    const sizes = events.flatMap((event) => (event.type === 'source-hashed' ? [event.bytes] : []));
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    expect(hashed).toMatchObject({ hashedBytes: bytes, totalBytes: bytes });
    const types = events.map(({ type }) => type);
    expect(types.indexOf('bytes-hashed')).toBeLessThan(types.indexOf('weight-written'));
  });

  test('in a folder that says where it comes from and what it should be', async () => {
    const out = join(folder, 'described');
    await convertCheckpoint(micro, out);
    const { origin, files } = JSON.parse(await readFile(join(out, 'lingbi.json'), 'utf8'));
    const source = 'model-00001-of-00002.safetensors';
    expect(origin.source[source].sha256).toBe(await sha256(join(micro, source)));
    const written = (await readdir(out)).filter((name) => name !== 'lingbi.json').sort();
    expect(Object.keys(files).sort()).toEqual(written);
    for (const name of written) expect(files[name].sha256).toBe(await sha256(join(out, name)));
  });
});

describe('a conversion that breaks off', () => {
  const options = { weights: 'int4', block: 32, shardBytes: 200_000 } as const;

  test('leaves no checkpoint, keeps what was finished, and comes to the same bytes', async () => {
    const [whole, resumed] = [join(folder, 'whole'), join(folder, 'resumed')];
    await convertCheckpoint(micro, whole, options);
    const stop = new AbortController();
    const first = convertCheckpoint(micro, resumed, {
      ...options,
      signal: stop.signal,
      onProgress: ({ type }) => type === 'file-finished' && stop.abort(new Error('enough')),
    });
    await expect(first).rejects.toThrow('enough');
    expect(existsSync(resumed)).toBe(false);
    const events: ConvertEvent[] = [];
    await convertCheckpoint(micro, resumed, {
      ...options,
      onProgress: (event) => void events.push(event),
    });
    expect(events.filter(({ type }) => type === 'file-kept')).toHaveLength(1);
    expect(await hashes(resumed)).toEqual(await hashes(whole));
    expect((await hashes(whole)).length).toBeGreaterThan(6);
    expect(existsSync(`${resumed}.partial`)).toBe(false);
  });

  test('writes a finished file again whose bytes were damaged meanwhile', async () => {
    const [whole, damaged] = [join(folder, 'undamaged'), join(folder, 'damaged-meanwhile')];
    await breakOff(micro, damaged);
    const file = (await readdir(`${damaged}.partial`)).find((name) =>
      /^model-00001-of/.test(name),
    )!;
    const path = join(`${damaged}.partial`, file);
    const bytes = await readFile(path);
    bytes[bytes.length - 100]! ^= 1;
    await writeFile(path, bytes);
    const events: ConvertEvent[] = [];
    const onProgress = (event: ConvertEvent) => void events.push(event);
    await convertCheckpoint(micro, damaged, { ...options, onProgress });
    expect(events).toContainEqual({ type: 'file-damaged', file });
    expect(events.some(({ type }) => type === 'file-kept')).toBe(false);
    await convertCheckpoint(micro, whole, options);
    expect(await hashes(damaged)).toEqual(await hashes(whole));
  });

  test('goes on after its process was killed', { timeout: 120_000 }, async () => {
    const [whole, killed] = [join(folder, 'not-killed'), join(folder, 'killed')];
    const script = fileURLToPath(new URL('../test-tools/convert-in-process.ts', import.meta.url));
    const flags = ['--import', 'tsx', '--conditions=lingbi:source', script, micro, killed];
    const child = spawn(process.execPath, flags, { stdio: ['ignore', 'pipe', 'inherit'] });
    for await (const line of createInterface({ input: child.stdout })) {
      if (line === 'file-finished') break;
    }
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(existsSync(killed)).toBe(false);
    const events: ConvertEvent[] = [];
    const onProgress = (event: ConvertEvent) => void events.push(event);
    await convertCheckpoint(micro, killed, { ...options, onProgress });
    expect(events.some(({ type }) => type === 'file-kept')).toBe(true);
    await convertCheckpoint(micro, whole, options);
    expect(await hashes(killed)).toEqual(await hashes(whole));
  });

  test('because the disk is full says what is missing, and goes on when there is room', async () => {
    const [whole, full] = [join(folder, 'with-room'), join(folder, 'full')];
    const weights = [1, 2, 3].map((number) => ({
      name: `w${number}`,
      shape: [256],
      encoding: { kind: 'dense', dtype: 'float32' } as const,
    }));
    const checkpoint = { weights, tensors: new Map(), files: new Map(), origin: {} };
    const make = (room: number) =>
      async function* ({ name }: { name: string }) {
        // What a write throws on a full disk.
        if (name === `w${room + 1}`) throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
        yield { part: 'values' as const, bytes: new Uint8Array(1024).fill(name.charCodeAt(1)) };
      };
    const shardBytes = 1024;
    const writing = writeConverted(full, checkpoint, make(2), { shardBytes });
    await expect(writing).rejects.toMatchObject({ name: 'DiskFullError', neededBytes: 1152 });
    expect(existsSync(full)).toBe(false);
    await writeConverted(full, checkpoint, make(9), { shardBytes });
    await writeConverted(whole, checkpoint, make(9), { shardBytes });
    expect(await hashes(full)).toEqual(await hashes(whole));
  });

  test('because its place was taken meanwhile goes on when it is free', async () => {
    const out = join(folder, 'taken');
    const take = ({ type }: ConvertEvent) => {
      if (type === 'file-finished') mkdirSync(join(out, 'by-another'), { recursive: true });
    };
    const taken = convertCheckpoint(micro, out, { ...options, onProgress: take });
    await expect(taken).rejects.toMatchObject({ name: 'OutputExistsError', out });
    await rm(out, { recursive: true });
    const events: ConvertEvent[] = [];
    const onProgress = (event: ConvertEvent) => void events.push(event);
    await convertCheckpoint(micro, out, { ...options, onProgress });
    expect(events.some(({ type }) => type === 'file-kept')).toBe(true);
    expect(events.some(({ type }) => type === 'file-finished')).toBe(false);
    expect(existsSync(join(out, 'journal.json'))).toBe(false);
  });

  /** Breaks a conversion off after its first file. */
  async function breakOff(source: string, out: string) {
    const stop = new AbortController();
    const onProgress = ({ type }: ConvertEvent) =>
      type === 'file-finished' && stop.abort(new Error('enough'));
    const first = convertCheckpoint(source, out, { ...options, signal: stop.signal, onProgress });
    await expect(first).rejects.toThrow('enough');
  }

  test('begins anew when the options are others', async () => {
    const out = join(folder, 'changed');
    await breakOff(micro, out);
    const events: ConvertEvent[] = [];
    await convertCheckpoint(micro, out, {
      ...options,
      rounding: 'nearest',
      onProgress: (event) => void events.push(event),
    });
    expect(events.some(({ type }) => type === 'file-kept')).toBe(false);
  });

  test('begins anew when the configuration regroups the same tensors otherwise', async () => {
    const out = join(folder, 'regrouped');
    const source = join(folder, 'regrouped-source');
    await cp(micro, source, { recursive: true });
    await breakOff(source, out);
    const path = join(source, 'config.json');
    const config = JSON.parse(await readFile(path, 'utf8'));
    // 4 + 2 · 2 heads of 16 features take as many rows as 8 + 2 · 4 heads of 8.
    const heads = { num_attention_heads: 8, num_key_value_heads: 4 };
    await writeFile(path, JSON.stringify({ ...config, ...heads }));
    const events: ConvertEvent[] = [];
    const onProgress = (event: ConvertEvent) => void events.push(event);
    await convertCheckpoint(source, out, { ...options, onProgress });
    expect(events.some(({ type }) => type === 'file-kept')).toBe(false);
  });
});

describe('what cannot be converted is said before anything is written', () => {
  test('a checkpoint without one of its tensors', async () => {
    const out = join(folder, 'lacking');
    const source = await changedIndex('lacking-source', ({ weight_map: map }) => {
      delete map['model.layers.1.feed_forward.w2.weight'];
    });
    const converting = convertCheckpoint(source, out);
    await expect(converting).rejects.toMatchObject({
      name: 'MissingWeightError',
      weight: 'layers.1.mlp.down',
      checkpointName: 'model.layers.1.feed_forward.w2.weight',
    });
    expect(existsSync(`${out}.partial`)).toBe(false);
  });

  test('a checkpoint without one of its low-rank additions', async () => {
    const out = join(folder, 'lacking-lora');
    const source = await changedIndex('lacking-lora-source', ({ weight_map: map }) => {
      for (const part of 'AB') delete map[`model.layers.1.feed_forward.w2.Plora_${part}.weight`];
    });
    await expect(convertCheckpoint(source, out)).rejects.toMatchObject({
      name: 'MissingWeightError',
      weight: 'layers.1.mlp.down.image.down',
      checkpointName: 'model.layers.1.feed_forward.w2.Plora_A.weight',
    });
    expect(existsSync(`${out}.partial`)).toBe(false);
  });

  test('tensors that no weight is made of are named, and left out', async () => {
    const source = await changedIndex('more-source', ({ weight_map: map }) => {
      map['model.layers.0.surprise'] = 'more.safetensors';
    });
    await writeSafetensors(join(source, 'more.safetensors'), [
      {
        name: 'model.layers.0.surprise',
        dtype: 'float32',
        shape: [1],
        bytes: () => new Uint8Array(4),
      },
    ]);
    const events: ConvertEvent[] = [];
    const onProgress = (event: ConvertEvent) => void events.push(event);
    await convertCheckpoint(source, join(folder, 'more'), { onProgress });
    const names = ['model.layers.0.surprise'];
    expect(events).toContainEqual({ type: 'tensors-ignored', names });
  });

  test.each([
    [{ weights: 'f16', block: 64 }, 'block (--block) would change nothing: no weight is stored in'],
    [{ weights: 'f32', zeroPoints: true }, 'zeroPoints would change nothing'],
    [{ weights: 'f32', rounding: 'search' }, 'rounding (--rounding) would change nothing'],
    [{ formats: { head: 'f32', linear: 'f16' }, block: 128 }, 'block (--block) would change'],
  ] as const)('%j, of which a part would change nothing', async (unused, message) => {
    const out = join(folder, 'unused');
    const error = await failureOf(convertCheckpoint(micro, out, unused));
    expect(error).toMatchObject({ name: 'OptionError' });
    expect(error.message).toContain(message);
    expect(existsSync(out)).toBe(false);
  });

  test.each([
    [{ vision: 'int8' }, 'vision (--vision) would change nothing: the checkpoint has no vision'],
    [{ formats: { tower: 'f16' } }, 'formats.tower would change nothing: there are no weights of'],
    [{ formats: { lora: 'f32' } }, 'formats.lora would change nothing'],
    [{ block: 128 }, 'block (--block) would change nothing: no row divides into blocks of 128'],
  ] as const)('%j, for what a small checkpoint of text has not', async (unused, message) => {
    const source = await textSource('text-source', 96);
    const error = await failureOf(convertCheckpoint(source, join(folder, 'of-text'), unused));
    expect(error).toMatchObject({ name: 'OptionError' });
    expect(error.message).toContain(message);
    await rm(source, { recursive: true });
  });

  test('an adapter that the checkpoint does not have', async () => {
    const source = await changedIndex('without-write', ({ weight_map: map }) => {
      for (const name of Object.keys(map)) if (/lora_(sft|dpo)/.test(name)) delete map[name];
    });
    const out = join(folder, 'of-without-write');
    const error = await failureOf(convertCheckpoint(source, out, { adapters: ['web', 'write'] }));
    expect(error).toMatchObject({ name: 'OptionError', option: 'adapters: write (--adapters)' });
  });

  test.each([
    ['embeddings', 'int8'],
    ['embeddings', 'int4'],
    ['plain', 'channels'],
  ] as const)('%s as %s, which no backend reads', async (role, format) => {
    const formats = { [role]: format } as unknown as NonNullable<ConvertOptions['formats']>;
    const error = await failureOf(convertCheckpoint(micro, join(folder, 'unread'), { formats }));
    expect(error).toMatchObject({ name: 'InvalidOptionError', option: `formats.${role}` });
    expect(error.message).toBe(
      `formats.${role}: it is "${format}", but it should be "f32" or "f16"`,
    );
  });

  test.each([
    [{ weights: 'int5' }, 'weights: it is "int5", but it should be "int4", "int8", "f16" or "f32"'],
    [{ block: 48 }, 'block: it is 48, but it should be 32, 64 or 128'],
    [{ vision: 'f16' }, 'vision: it is "f16", but it should be "f32" or "int8"'],
    [{ zeroPoints: 'no' }, 'zeroPoints: it is "no", but it should be a boolean'],
    [{ rounding: 'foo' }, 'rounding: it is "foo", but it should be "search" or "nearest"'],
    [{ scales: 'f16' }, 'scales: it is "f16", but it should be "float16" or "float32"'],
    [{ shardBytes: -5 }, 'shardBytes: it is -5, but it should be a whole number from 1 on'],
    [{ shardBytes: Number.NaN }, 'shardBytes: it is NaN'],
    [{ adapters: ['wb'] }, 'adapters: it is "wb", but it should be "web" or "write"'],
    [{ adapters: 'web' }, 'adapters: it is "web", but it should be a list of "web" and "write"'],
    [{ formats: { head: 'int5' } }, 'formats.head: it is "int5", but it should be "f32", "f16"'],
    [{ formats: 'int4' }, 'formats: it is "int4", but it should be an object'],
  ])('%j, a value that no option has', async (wrong, message) => {
    const out = join(folder, 'wrong-value');
    const error = await failureOf(convertCheckpoint(micro, out, wrong as ConvertOptions));
    expect(error).toMatchObject({ name: 'InvalidOptionError' });
    expect(error.message).toContain(message);
    expect(existsSync(out)).toBe(false);
  });

  test.each([
    [{ wieghts: 'int8' }, 'convertCheckpoint: unknown option wieghts. It takes weights, vision,'],
    [{ formats: { heads: 'int8' } }, 'convertCheckpoint: formats: unknown option heads. It takes'],
  ])('%j, an option that there is not', async (unknown, message) => {
    const out = join(folder, 'unknown-option');
    const error = await failureOf(convertCheckpoint(micro, out, unknown as ConvertOptions));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toContain(message);
    expect(existsSync(out)).toBe(false);
  });

  test('a place that is taken, before the source is hashed', async () => {
    const events: ConvertEvent[] = [];
    const onProgress = (event: ConvertEvent) => void events.push(event);
    const error = await failureOf(convertCheckpoint(micro, folder, { onProgress }));
    expect({ name: error.name, events }).toEqual({ name: 'OutputExistsError', events: [] });
  });

  test('a folder that is no checkpoint, or one that is converted already', async () => {
    const out = join(folder, 'nothing');
    await expect(convertCheckpoint(folder, out)).rejects.toThrow('no folder with a config.json');
    const converted = join(folder, 'once');
    await convertCheckpoint(micro, converted);
    await expect(convertCheckpoint(converted, out)).rejects.toThrow('it is converted already');
    await expect(convertCheckpoint(micro, converted)).rejects.toThrow('it exists');
  });
});

test('numbers beyond float16 are an error that names tensor and setting, not infinity', async () => {
  const name = 'model.tok_embeddings.weight';
  const source = await changedIndex('large-source', ({ weight_map: map }) => {
    map[name] = 'large.safetensors';
  });
  const embeddings = new Float32Array(92544 * 64).fill(0.5);
  embeddings[92544 * 64 - 1] = -65520;
  await writeSafetensors(join(source, 'large.safetensors'), [
    { name, dtype: 'float32', shape: [92544, 64], bytes: () => new Uint8Array(embeddings.buffer) },
  ]);
  const out = join(folder, 'large');
  const error = await failureOf(convertCheckpoint(source, out, { weights: 'int8' }));
  expect(error).toMatchObject({ name: 'WeightRangeError', tensors: [name], number: -65520 });
  expect(error.message).toContain("--weights f32, or { formats: { embeddings: 'f32' } }");
  expect(existsSync(out)).toBe(false);
});

test.each([
  ['int4', 4, { weights: 'int4' }],
  ['int8', 64, { weights: 'int8' }],
] as const)(
  'in %s blocks, scales beyond float16 are an error that names the setting',
  async (format, steps, options) => {
    const name = 'model.layers.1.attention.wo.weight';
    const source = await changedIndex(`huge-${format}`, ({ weight_map: map }) => {
      map[name] = 'huge.safetensors';
    });
    const numbers = new Float32Array(64 * 64).fill(0.5);
    const write = (number: number) => {
      numbers[70] = number;
      return writeSafetensors(join(source, 'huge.safetensors'), [
        { name, dtype: 'float32', shape: [64, 64], bytes: () => new Uint8Array(numbers.buffer) },
      ]);
    };
    await write(-65504 * steps - 65504);
    const out = join(folder, `of-huge-${format}`);
    const error = await failureOf(convertCheckpoint(source, out, options));
    expect(error).toMatchObject({ name: 'WeightRangeError', tensors: [name] });
    expect(error.message).toContain("--scales float32, or { scales: 'float32' } of the API");
    expect(existsSync(out)).toBe(false);
    await convertCheckpoint(source, out, { ...options, scales: 'float32' });
    await using converted = await openWeights(out);
    const found = await readFloat32(converted.weights, 'layers.1.attention.out');
    expect(relativeError(found, numbers)).toBeLessThan(1 / 8);
    for (const rounding of ['nearest', 'search'] as const) {
      await write(-65504 * steps); // the largest that is let pass
      await convertCheckpoint(source, `${out}-${rounding}`, { ...options, rounding });
    }
  },
);

test('scales of blocks are float16 unless float32 is asked for, and differ by their bytes alone', async () => {
  const bytesOf = async (options: ConvertOptions) => {
    const out = join(folder, `scales-${JSON.stringify(options).replace(/\W/g, '')}`);
    await convertCheckpoint(micro, out, { block: 32, ...options });
    await using converted = await openWeights(out);
    const { encoding, at } = converted.weights.describe('layers.0.mlp.gate');
    return { encoding, values: at!.values!.length, scales: at!.scales!.length };
  };
  for (const weights of ['int4', 'int8'] as const) {
    const half = await bytesOf({ weights });
    const wide = await bytesOf({ weights, scales: 'float32' });
    expect(half.encoding).toEqual({ ...wide.encoding, scales: 'float16' });
    expect(wide.encoding).not.toHaveProperty('scales');
    expect([half.values, half.scales]).toEqual([wide.values, wide.scales / 2]);
  }
});

test.each([
  ['int4', Number.NaN],
  ['int8', Number.NEGATIVE_INFINITY],
] as const)('in %s blocks, %d is an error that names its tensor', async (weights, number) => {
  const name = 'model.layers.1.attention.wo.weight';
  const source = await changedIndex(`damaged-${weights}`, ({ weight_map: map }) => {
    map[name] = 'damaged.safetensors';
  });
  const numbers = new Float32Array(64 * 64).fill(0.5);
  numbers[70] = number;
  await writeSafetensors(join(source, 'damaged.safetensors'), [
    { name, dtype: 'float32', shape: [64, 64], bytes: () => new Uint8Array(numbers.buffer) },
  ]);
  const out = join(folder, `of-damaged-${weights}`);
  const error = await failureOf(convertCheckpoint(source, out, { weights }));
  expect(error).toMatchObject({ name: 'WeightRangeError', tensors: [name], number });
  expect(error.message).toContain(`${number} is among its numbers`);
  expect(existsSync(out)).toBe(false);
});

test('blocks that some rows are too short for are told, and the others have them', async () => {
  const source = await textSource('two-widths', 256);
  const events: ConvertEvent[] = [];
  const onProgress = (event: ConvertEvent) => void events.push(event);
  const out = join(folder, 'of-two-widths');
  await convertCheckpoint(source, out, { block: 128, onProgress });
  const told = events.filter(({ type }) => type === 'blocks-narrowed');
  const names = ['attention.qkv', 'attention.out', 'mlp.gate', 'mlp.up'].map(
    (n) => `layers.0.${n}`,
  );
  expect(told).toEqual([
    { type: 'blocks-narrowed', block: 128, names: expect.arrayContaining([...names, 'head']) },
  ]);
  await using converted = await openWeights(out);
  const { encoding } = converted.weights.describe('layers.0.mlp.down');
  expect(encoding).toMatchObject({ blockSize: 128 });
  expect(JSON.stringify(told)).not.toContain('mlp.down');
  const silent: ConvertEvent[] = [];
  await convertCheckpoint(source, `${out}-usual`, { onProgress: (each) => void silent.push(each) });
  expect(silent.filter(({ type }) => type === 'blocks-narrowed')).toEqual([]);
});

test('PyTorch files come to the same bytes as safetensors', async () => {
  const source = join(folder, 'torch-source');
  await cp(micro, source, { recursive: true, filter: (path) => !/safetensors/.test(path) });
  await writeFile(join(source, 'pytorch_model.bin'), await torchOf(micro));
  const outs = [join(folder, 'of-torch'), join(folder, 'of-safetensors')] as const;
  const options = { weights: 'int4', vision: 'int8', block: 32, shardBytes: 2 ** 22 } as const;
  await convertCheckpoint(source, outs[0], options);
  await convertCheckpoint(micro, outs[1], options);
  // The manifest alone names the source.
  const [found, wanted] = await Promise.all(outs.map(hashes));
  const ofOutput = ([file]: readonly [string, string]) => file !== 'lingbi.json';
  expect(found!.filter(ofOutput)).toEqual(wanted!.filter(ofOutput));
  const [one, other] = await Promise.all(outs.map(readManifest));
  expect(one).toEqual(other);
});

/** A checkpoint without a tower and low-rank additions, whose rows are 64 and `mlpSize` numbers long. */
async function textSource(name: string, mlpSize: number): Promise<string> {
  const source = join(folder, name);
  const sizes = { vocabularySize: 320, hiddenSize: 64, mlpSize, layers: 1, heads: 4, kvHeads: 2 };
  await synthCheckpoint(source, { shape: sizes, weights: 'bf16' });
  return source;
}

/** Without what it says of the source's files. */
async function readManifest(path: string): Promise<object> {
  const { origin, ...manifest } = JSON.parse(await readFile(join(path, 'lingbi.json'), 'utf8'));
  expect(Object.keys(origin.source)).not.toEqual([]);
  return manifest;
}

async function changedIndex(
  name: string,
  change: (index: { weight_map: Record<string, string> }) => void,
): Promise<string> {
  const source = join(folder, name);
  await cp(micro, source, { recursive: true });
  const path = join(source, 'model.safetensors.index.json');
  const index = JSON.parse(await readFile(path, 'utf8'));
  change(index);
  await writeFile(path, JSON.stringify(index));
  return source;
}

/** Each weight as the converted checkpoint has it, and as its source has it. */
async function compare(out: string) {
  await using converted = await openWeights(out);
  await using source = await openWeights(micro);
  const names = Object.keys(xcomposerWeightMap(source.config, source.checkpoint));
  const both = new Map<string, { found: Float32Array; wanted: Float32Array }>();
  for (const name of names) {
    const found = await readFloat32(converted.weights, name);
    both.set(name, { found, wanted: await readFloat32(source.weights, name) });
  }
  return both;
}

async function openWeights(path: string) {
  const checkpoint = await openCheckpoint(path);
  const json = JSON.parse(await readFile(join(path, 'config.json'), 'utf8'));
  const { manifest } = checkpoint;
  const tensors = manifest
    ? {
        names: [...manifest.tensors.keys()],
        has: (name: string) => manifest.tensors.has(name),
        describe: (name: string) => ({ shape: manifest.tensors.get(name)! }),
      }
    : checkpoint;
  const config = readConfig(json, tensors);
  const weights: WeightSource = manifest
    ? convertedWeights(checkpoint, manifest)
    : checkpointWeights(checkpoint, xcomposerWeightMap(config, checkpoint));
  return {
    checkpoint,
    config,
    weights,
    [Symbol.asyncDispose]: () => checkpoint[Symbol.asyncDispose](),
  };
}

async function hashes(path: string): Promise<[string, string][]> {
  const names = (await readdir(path)).sort();
  return Promise.all(
    names.map(async (name): Promise<[string, string]> => [name, await sha256(join(path, name))]),
  );
}

async function sha256(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}
