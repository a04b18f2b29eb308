import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MANIFEST_FILE, MANIFEST_VERSION, manifestWeight } from '@lingbi/core';
import type { ConvertEvent } from './events.ts';
import { lockOutput } from './lock-output.ts';
import { type NamedWeight, planShards, type Shard } from './plan-shards.ts';
import { requireAbsent } from './require-absent.ts';
import { atPlace } from './require-place.ts';
import { orDiskFull, requireRoom } from './require-room.ts';
import { sha256Of } from './sha256-of.ts';
import { type FinishedFile, openStaging, type Staging } from './staging.ts';
import { type WeightMaker, writeShard } from './write-shard.ts';

/** Everything a converted checkpoint is made of. */
export interface ConvertedCheckpoint {
  readonly weights: readonly NamedWeight[];
  /** Shapes of the tensors it is made of, by their own names. */
  readonly tensors: ReadonlyMap<string, readonly number[]>;
  /** Small files that go with it: config.json, tokenizer.model. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** How it came about, for people and for comparing: plain data. */
  readonly origin: Readonly<Record<string, unknown>>;
}

export interface WriteConvertedOptions {
  /** Of a file, in bytes; a single weight may exceed it. Default: 256 MiB. */
  readonly shardBytes?: number;
  readonly onProgress?: (event: ConvertEvent) => void;
  readonly signal?: AbortSignal;
}

/**
 * Writes a folder that backends bind as it is. It is written as `<out>.partial` and renamed when it
 * is whole; what is found there of an interrupted run with the same checkpoint is kept.
 *
 * @param out resolved: what follows its name stands beside it
 * @throws OutputExistsError, OutputPlaceError, OutputBusyError, DiskFullError
 */
export async function writeConverted(
  out: string,
  checkpoint: ConvertedCheckpoint,
  make: WeightMaker,
  options: WriteConvertedOptions = {},
): Promise<void> {
  await using _lock = await lockOutput(out);
  await requireAbsent(out);
  const shards = planShards(checkpoint.weights, options.shardBytes);
  const staging = await atPlace(out, () => openStaging(out, keyOf(checkpoint, shards)));
  await requireRoom(out, staging, missingBytes(shards, staging));
  try {
    await atPlace(out, () => staging.create());
    await writeShards(staging, shards, make, options);
    await writeSmallFiles(staging, shards, checkpoint);
    await staging.publish();
  } catch (error) {
    throw await orDiskFull(error, out, staging, missingBytes(shards, staging));
  }
}

/**
 * Raise it when the same numbers come to other bytes than before: files that an earlier version
 * finished are then written anew.
 */
const ENCODER_VERSION = 1;

/** Equal when the bytes would be. What weights are made of and config.json decide them, too. */
function keyOf(checkpoint: ConvertedCheckpoint, shards: readonly Shard[]): string {
  const { origin, tensors, weights } = checkpoint;
  const plan = [ENCODER_VERSION, origin, [...tensors], weights];
  const digest = createHash('sha256').update(JSON.stringify(plan));
  for (const [file, bytes] of checkpoint.files) digest.update(file).update(bytes);
  for (const { file, header } of shards) digest.update(file).update(header);
  return digest.digest('hex');
}

function missingBytes(shards: readonly Shard[], staging: Staging): number {
  const missing = shards.filter(({ file }) => !staging.finished(file));
  return missing.reduce((sum, { bytes }) => sum + bytes, 0);
}

async function writeShards(
  staging: Staging,
  shards: readonly Shard[],
  make: WeightMaker,
  { onProgress, signal }: WriteConvertedOptions,
): Promise<void> {
  const total = shards.reduce((sum, { weights }) => sum + weights.length, 0);
  let done = 0;
  const report = (name: string) =>
    onProgress?.({ type: 'weight-written', name, written: ++done, total });
  for (const shard of shards) {
    const { file, bytes, weights } = shard;
    const path = join(staging.folder, file);
    const kept = staging.finished(file);
    // Its size was compared when it was found; a disk may have changed what is in it.
    const isWhole = kept && (await sha256Of(path, { signal })) === kept.sha256;
    if (kept && !isWhole) onProgress?.({ type: 'file-damaged', file });
    if (isWhole) {
      done += weights.length;
      onProgress?.({ type: 'file-kept', file, bytes, written: done, total });
      continue;
    }
    await writeShard(path, shard, make, ({ name }) => report(name), signal);
    await staging.record(file, { bytes, sha256: await sha256Of(path, { signal }) });
    onProgress?.({ type: 'file-finished', file, bytes });
  }
}

async function writeSmallFiles(
  staging: Staging,
  shards: readonly Shard[],
  checkpoint: ConvertedCheckpoint,
): Promise<void> {
  const small = new Map<string, FinishedFile>();
  const write = async (file: string, content: Uint8Array | string) => {
    const bytes = Buffer.from(content);
    await writeFile(join(staging.folder, file), bytes, { flush: true });
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    small.set(file, { bytes: bytes.length, sha256 });
  };
  for (const [file, bytes] of checkpoint.files) await write(file, bytes);
  await write('model.safetensors.index.json', indexOf(shards));
  const large = shards.map(({ file }) => [file, staging.finished(file)!] as const);
  await write(MANIFEST_FILE, manifestOf(new Map([...large, ...small]), checkpoint));
}

function indexOf(shards: readonly Shard[]): string {
  const fileOf = shards.flatMap(({ file, tensors }) => tensors.map((tensor) => [tensor, file]));
  const total = shards.reduce((sum, { bytes, header }) => sum + bytes - header.length, 0);
  return lines({ metadata: { total_size: total }, weight_map: Object.fromEntries(fileOf) });
}

function manifestOf(
  files: ReadonlyMap<string, FinishedFile>,
  { weights, tensors, origin }: ConvertedCheckpoint,
): string {
  return lines({
    version: MANIFEST_VERSION,
    origin,
    files: Object.fromEntries(files),
    weights: Object.fromEntries(weights.map((weight) => [weight.name, manifestWeight(weight)])),
    tensors: Object.fromEntries(tensors),
  });
}

function lines(value: object): string {
  return `${JSON.stringify(value, null, 1)}\n`;
}
