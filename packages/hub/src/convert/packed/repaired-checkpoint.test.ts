import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  checkpointConfig,
  checkpointTensors,
  compileXComposer,
  finishPrefill,
  openCheckpoint,
  type Prompt,
  referenceBackend,
  relativeError,
  type TensorToWrite,
  writeSafetensors,
} from '@lingbi/core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  awqTensors,
  bytesOf,
  linearOf,
  numbersOf,
  plain,
  tensor,
} from '../../test-tools/packed-tensors.ts';
import { convertCheckpoint } from '../convert-checkpoint.ts';

const sizes = {
  vocabularySize: 320,
  hiddenSize: 64,
  mlpSize: 96,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  loraRanks: { Plora: 8, lora_web: 4 },
  vision: { hiddenSize: 16, mlpSize: 32, layers: 2, heads: 2, tileSize: 56, patchSize: 14 },
};

let folder: string;
let original: string;
let packed: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lingbi-repair-'));
  original = await writeCheckpoint('original', (name, shape) => [unsmoothed(name, shape)]);
  packed = await writeCheckpoint('packed', smoothed);
});
afterAll(() => rm(folder, { recursive: true }));

const isPacked = (name: string) => /\.(wqkv|wo|w1|w2|w3)\.weight$/.test(name);

/** Powers of two, so that every product is exact. */
const inputFactor = (channel: number) => 2 ** ((channel % 5) - 2);
const middleFactor = (channel: number) => 2 ** ((channel % 3) - 1);
const columnFactor = (name: string) => {
  if (name.includes('.wo.')) return () => 1;
  return name.includes('.w2.') ? middleFactor : inputFactor;
};

/** What AWQ would have packed, with its smoothing undone. */
function unsmoothed(name: string, shape: readonly number[]): TensorToWrite {
  if (!isPacked(name)) return coarse(name, shape);
  const [, width] = shape as [number, number];
  const numbers = numbersOf(linearOf(name, shape, 8)).map((number, at) => {
    const rows = name.includes('.w3.') ? middleFactor(Math.floor(at / width)) : 1;
    return (number * rows) / columnFactor(name)(at % width);
  });
  return tensor(name, 'float32', shape, () => bytesOf(Float32Array.from(numbers)));
}

/** As lmdeploy exports it: norms divided, low-rank additions as they were (spec QUANT §4). */
function smoothed(name: string, shape: readonly number[]): TensorToWrite[] {
  if (isPacked(name)) return awqTensors(name.replace(/\.weight$/, ''), linearOf(name, shape, 8));
  const whole = coarse(name, shape);
  if (!/(attention|ffn)_norm/.test(name)) return [whole];
  const norm = new Float32Array(whole.bytes().slice().buffer);
  return [{ ...whole, bytes: () => bytesOf(norm.map((number, at) => number / inputFactor(at))) }];
}

/** Numbers of few digits, none of them zero. */
function coarse(name: string, shape: readonly number[]) {
  const { bytes } = plain(name, shape);
  const numbers = new Float32Array(bytes().slice().buffer);
  return tensor(name, 'float32', shape, () =>
    bytesOf(numbers.map((number) => Math.round(number * 256 + 0.5) / 256)),
  );
}

async function writeCheckpoint(
  name: string,
  tensors: (name: string, shape: readonly number[]) => TensorToWrite[],
): Promise<string> {
  const path = join(folder, name);
  await mkdir(path);
  const all = [...checkpointTensors(sizes)].flatMap(([each, shape]) => tensors(each, shape));
  await writeSafetensors(join(path, 'model.safetensors'), all);
  await writeFile(join(path, 'config.json'), JSON.stringify(checkpointConfig(sizes)));
  await writeFile(join(path, 'tokenizer.model'), 'not read here');
  return path;
}

const picture = {
  grid: { rows: 1, columns: 1 },
  tileSize: 56,
  key: 'a ramp',
  globalView: () => Float32Array.from({ length: 3 * 56 * 56 }, (_, at) => (at % 97) / 97),
  tile: () => Float32Array.from({ length: 3 * 56 * 56 }, (_, at) => (at % 89) / 89),
};
const text = { type: 'text', ids: Int32Array.of(1, 7, 300, 12) } as const;

async function logits(path: string, adapter: 'base' | 'web', prompt: Prompt) {
  const config = JSON.parse(await readFile(join(path, 'config.json'), 'utf8'));
  const checkpoint = await openCheckpoint(path);
  await using model = await compileXComposer({ backend: referenceBackend, config, checkpoint });
  using sequence = model.openSequence({ capacity: 32, adapter });
  return await finishPrefill(sequence.prefill(prompt));
}

test.each([
  ['a picture', 'base', [{ type: 'image', image: picture, tokens: 9 }, text]],
  ['a task adapter', 'web', [text]],
] as const)('repaired, it says of %s what the original says', async (what, adapter, prompt) => {
  const wanted = await logits(original, adapter, prompt);
  // Packed linears keep their numbers; all else stays float32, as the original has it.
  const options = { formats: { head: 'f32', embeddings: 'f32', lora: 'f32' } } as const;
  const [kept, repaired] = [join(folder, `${what} kept`), join(folder, `${what} repaired`)];
  await convertCheckpoint(packed, kept, options);
  await convertCheckpoint(packed, repaired, { ...options, repairWith: original });
  expect(relativeError(await logits(kept, adapter, prompt), wanted)).toBeGreaterThan(1e-2);
  expect(relativeError(await logits(repaired, adapter, prompt), wanted)).toBeLessThan(1e-5);
});

test('a checkpoint that it was not packed from is refused before anything is written', async () => {
  const other = await writeCheckpoint('other', (name, shape) => [coarse(name, shape)]);
  const converting = convertCheckpoint(packed, join(folder, 'out'), { repairWith: other });
  await expect(converting).rejects.toMatchObject({ name: 'RepairError', repairWith: other });
  const itself = convertCheckpoint(packed, join(folder, 'out'), { repairWith: packed });
  await expect(itself).rejects.toThrow('Give the 16-bit checkpoint');
  const needless = convertCheckpoint(original, join(folder, 'out'), { repairWith: original });
  await expect(needless).rejects.toThrow('only what AWQ packed needs a repair');
});
