import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  checkpointConfig,
  checkpointTensors,
  convertedWeights,
  openCheckpoint,
  readFloat32,
  relativeError,
  toFloat32,
  writeSafetensors,
} from '@lingbi/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  awqTensors,
  GROUP,
  gptqTensors,
  type Linear,
  linearOf,
  numbersOf,
  plain,
} from '../../test-tools/packed-tensors.ts';
import { failureOf } from '../../test-tools/workbench.ts';
import { convertCheckpoint } from '../convert-checkpoint.ts';
import { unpackAwq } from './awq.ts';
import { unpackGptq } from './gptq.ts';

/** Spec QUANT §3 and §6 give one word each. */
describe('the words of the specification', () => {
  const shape = { out: 8, width: 1, groups: 1 };
  test('AWQ: outputs 0 to 7 hold 0 to 7', () => {
    const words = Uint32Array.of(0x75316420);
    const { values, zeroPoints } = unpackAwq({ qweight: words, qzeros: words }, shape);
    expect([...values]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect([...zeroPoints]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  test('GPTQ: inputs 0 to 7 hold 0 to 7, and zero points are stored less one', () => {
    const { values, zeroPoints } = unpackGptq(
      { qweight: Uint32Array.of(0x76543210), qzeros: new Uint32Array(0) },
      { out: 1, width: 8, groups: 0 },
    );
    expect([...values]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    const qzeros = Uint32Array.of(0x77777777);
    const eight = unpackGptq({ qweight: new Uint32Array(0), qzeros }, { ...shape, width: 0 });
    expect([...eight.zeroPoints]).toEqual(Array(8).fill(8));
    expect(zeroPoints).toHaveLength(0);
  });
});

const sizes = {
  vocabularySize: 320,
  hiddenSize: 64,
  mlpSize: 96,
  layers: 1,
  heads: 4,
  kvHeads: 2,
  loraRanks: { Plora: 8 },
};
describe.each(['awq', 'gptq'] as const)('a checkpoint packed by %s', (packing) => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lingbi-packed-'));
  });
  afterAll(async () => {
    for (const checkpoint of opened) await checkpoint[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  const linears = new Map<string, Linear>();
  const opened: AsyncDisposable[] = [];

  async function writeSource(
    name: string,
    zeros?: number,
    order?: readonly number[],
    change: Partial<Linear> = {},
  ) {
    const source = join(folder, name);
    const tensors = [...checkpointTensors(sizes)].flatMap(([tensorName, shape]) => {
      const root = tensorName.replace(/\.weight$/, '');
      if (!/(wqkv|wo|w1|w2|w3)$/.test(root)) return [plain(tensorName, shape)];
      const linear = { ...linearOf(tensorName, shape, zeros), ...change };
      linears.set(tensorName, linear);
      if (packing === 'awq') return awqTensors(root, linear);
      return gptqTensors(`${root}.linear`, linear, linear.width === 64 ? order : undefined);
    });
    await rm(source, { recursive: true, force: true });
    await mkdir(source, { recursive: true });
    await writeSafetensors(join(source, 'model.safetensors'), tensors);
    const config = { ...checkpointConfig(sizes), quantization_config: { quant_method: packing } };
    await writeFile(join(source, 'config.json'), JSON.stringify(config));
    await writeFile(join(source, 'tokenizer.model'), 'not read here');
    return source;
  }

  async function readConverted(source: string, out: string, options = {}) {
    await convertCheckpoint(source, out, options);
    const checkpoint = await openCheckpoint(out);
    opened.push(checkpoint);
    return convertedWeights(checkpoint, checkpoint.manifest!);
  }

  test.each([
    ['its own zero points', undefined, true],
    ['the same zero point everywhere', 8, false],
  ] as const)('keeps its numbers, with %s', async (what, zeros, zeroPoints) => {
    const weights = await readConverted(
      await writeSource(what, zeros),
      join(folder, `${what} out`),
    );
    const down = weights.describe('layers.0.mlp.down');
    expect(down.encoding).toEqual({
      ...{ kind: 'blocks', bits: 4, blockSize: GROUP, zeroPoints, scales: 'float16' },
    });
    const found = await readFloat32(weights, 'layers.0.mlp.down');
    const wanted = numbersOf(linears.get('model.layers.0.feed_forward.w2.weight')!);
    expect([...found]).toEqual(wanted);
  });

  test('keeps its numbers with scales that are not float16, or that are to be float32', async () => {
    const fine = { scaleType: 'float32', scale: () => 1 + 2 ** -20 } as const; // float16 cannot hold it
    const cases = [
      ['fine', fine, {}],
      ['wide', {}, { scales: 'float32' }],
    ] as const;
    for (const [what, change, options] of cases) {
      const source = await writeSource(what, 8, undefined, change);
      const weights = await readConverted(source, join(folder, `${what} out`), options);
      const { encoding } = weights.describe('layers.0.mlp.down');
      expect(encoding).toEqual({ kind: 'blocks', bits: 4, blockSize: GROUP, zeroPoints: false });
      const found = await readFloat32(weights, 'layers.0.mlp.down');
      const wanted = numbersOf(linears.get('model.layers.0.feed_forward.w2.weight')!);
      expect([...found]).toEqual(wanted.map(Math.fround));
    }
  });

  test('has scales in float16 when those are asked for, and the same numbers but for them', async () => {
    const fine = { scaleType: 'float32', scale: () => (1 + 2 ** -11) / 64 } as const;
    const source = await writeSource('narrow', 5, undefined, fine);
    const weights = await readConverted(source, join(folder, 'narrow out'), { scales: 'float16' });
    expect(weights.describe('layers.0.mlp.down').encoding).toMatchObject({ scales: 'float16' });
    const found = await readFloat32(weights, 'layers.0.mlp.down');
    const exact = numbersOf(linears.get('model.layers.0.feed_forward.w2.weight')!);
    // The scale rounds to the even neighbour, 1 / 64.
    expect([...found]).toEqual(exact.map((number) => number / (1 + 2 ** -11)));
  });

  test('whose scales are beyond the float16 that is asked for is refused', async () => {
    const large = { scaleType: 'float32', scale: () => 2 ** 17 } as const;
    const source = await writeSource('large', 8, undefined, large);
    const out = join(folder, 'of-large');
    const error = await failureOf(convertCheckpoint(source, out, { scales: 'float16' }));
    expect(error).toMatchObject({ name: 'WeightRangeError', number: 2 ** 17 });
    expect(error.message).toContain('leave out --scales (scales of the API)');
  });

  test('whose float32 scales are infinite seems damaged, however they should be kept', async () => {
    const endless = { scaleType: 'float32', scale: () => Number.POSITIVE_INFINITY } as const;
    const source = await writeSource('endless', 8, undefined, endless);
    const out = join(folder, 'of-endless');
    const error = await failureOf(convertCheckpoint(source, out, { scales: 'float16' }));
    expect(error).toMatchObject({ name: 'WeightRangeError' });
    expect(error.message).toContain('The checkpoint seems to be damaged');
  });

  test.each([
    ['rounds again without zero points', undefined, false],
    ['keeps its numbers, and writes the zero point of all', 8, true],
  ] as const)('%s when that is asked for', async (what, zeros, zeroPoints) => {
    const source = await writeSource(what, zeros);
    const weights = await readConverted(source, join(folder, `${what} out`), { zeroPoints });
    expect(weights.describe('layers.0.mlp.down').encoding).toMatchObject({ zeroPoints });
    const found = await readFloat32(weights, 'layers.0.mlp.down');
    const wanted = numbersOf(linears.get('model.layers.0.feed_forward.w2.weight')!);
    const error = relativeError(found, Float32Array.from(wanted));
    if (zeroPoints) expect(error).toBe(0);
    else expect(error).toBeLessThan(1 / 7);
  });

  test('keeps its numbers when the heads are regrouped', async () => {
    const weights = await readConverted(await writeSource('heads', 8), join(folder, 'heads-out'));
    const found = await readFloat32(weights, 'layers.0.attention.qkv');
    const packed = numbersOf(linears.get('model.layers.0.attention.wqkv.weight')!);
    // Groups of two queries, a key and a value of 16 rows: queries of both come first, then keys.
    const head = (index: number) => packed.slice(index * 16 * 64, (index + 1) * 16 * 64);
    expect([...found]).toEqual([0, 1, 4, 5, 2, 6, 3, 7].flatMap(head));
  });

  test('is written as plain numbers, or in other blocks, when those are asked for', async () => {
    const source = await writeSource('plain', 8);
    const weights = await readConverted(source, join(folder, 'plain-out'), { weights: 'f32' });
    const found = await readFloat32(weights, 'layers.0.mlp.gate');
    expect([...found]).toEqual(numbersOf(linears.get('model.layers.0.feed_forward.w1.weight')!));
    const other = await readConverted(source, join(folder, 'other'), {
      weights: 'int8',
      block: 64,
    });
    expect(other.describe('layers.0.mlp.gate').encoding).toMatchObject({ bits: 8, blockSize: 64 });
  });

  test('whose scales are infinite is refused by the name of a tensor', async () => {
    const beyond = { scale: () => 2 ** 16 }; // infinity in float16
    const source = await writeSource('infinite', 8, undefined, beyond);
    const error = await failureOf(convertCheckpoint(source, join(folder, 'of-infinite')));
    expect(error).toMatchObject({ name: 'WeightRangeError', number: Number.POSITIVE_INFINITY });
    expect(error.message).toContain('model.layers.0.attention.wqkv.weight');
  });

  test('is not rounded, and says so when it should be', async () => {
    const source = await writeSource('rounded', 8);
    const options = { rounding: 'nearest', formats: { head: 'f16' } } as const;
    const error = await failureOf(convertCheckpoint(source, join(folder, 'of-rounded'), options));
    expect(error).toMatchObject({ name: 'OptionError', option: 'rounding (--rounding)' });
    expect(error.message).toContain('all blocks keep the numbers of the source');
  });

  test('loses what it said of its packing, and keeps the rest', async () => {
    const out = join(folder, 'config-out');
    await convertCheckpoint(await writeSource('config', 8), out);
    const config = JSON.parse(await readFile(join(out, 'config.json'), 'utf8'));
    expect(config).toEqual(checkpointConfig(sizes));
    await using checkpoint = await openCheckpoint(out);
    const norm = await checkpoint.read('norm');
    expect(toFloat32(norm, 'float32')[3]).toBe(Math.fround(Math.sin(3) / 8));
  });

  const strange: Record<typeof packing, [change: object, message: string][]> = {
    awq: [
      [{ version: 'gemv' }, 'quantization_config.version: "gemv", but only "gemm" is read'],
      [{ bits: 8 }, 'quantization_config.bits: 8, but only 4 is read'],
    ],
    gptq: [
      [{ checkpoint_format: 'gptq_v2' }, 'checkpoint_format: "gptq_v2", but only "gptq" is read'],
      [{ bits: 3 }, 'quantization_config.bits: 3, but only 4 is read'],
      [{ quant_method: 'hqq' }, 'quant_method: "hqq", but only "awq" or "gptq" is read'],
    ],
  };
  test.each(strange[packing])('with %j is refused by name', async (change, message) => {
    const source = await writeSource('strange', 8);
    const quantization_config = { quant_method: packing, bits: 4, ...change };
    const config = { ...checkpointConfig(sizes), quantization_config };
    await writeFile(join(source, 'config.json'), JSON.stringify(config));
    const error = await failureOf(convertCheckpoint(source, join(folder, 'of-strange')));
    expect(error.name).toBe('SourceError');
    expect(error.message).toContain(message);
  });

  test('whose packer wrote a file of its own is refused by what it says there', async () => {
    const source = await writeSource('aside', 8);
    const file = packing === 'awq' ? 'quant_config.json' : 'quantize_config.json';
    await writeFile(join(source, file), JSON.stringify({ bits: 2 }));
    const error = await failureOf(convertCheckpoint(source, join(folder, 'of-aside')));
    expect(error).toMatchObject({ name: 'SourceError' });
    expect(error.message).toContain(`its ${file} says bits: 2, but only 4 is read`);
  });

  test.runIf(packing === 'gptq')('whose inputs are reordered is read by that order', async () => {
    const order = Array.from({ length: 64 }, (_, input) => input % 2);
    const source = await writeSource('reordered', 8, order);
    const weights = await readConverted(source, join(folder, 'reordered-out'), { weights: 'f32' });
    const linear = linears.get('model.layers.0.feed_forward.w1.weight')!;
    const found = await readFloat32(weights, 'layers.0.mlp.gate');
    expect([...found]).toEqual(numbersOf({ ...linear, group: (input) => input % 2 }));
    // Blocks of consecutive inputs cannot hold that: the numbers are rounded again.
    const again = await readConverted(source, join(folder, 'again'), { block: 32 });
    expect(again.describe('layers.0.mlp.gate').encoding).toMatchObject({ blockSize: 32 });
  });
});
