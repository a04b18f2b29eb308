import { randomUUID } from 'node:crypto';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeSafetensors } from '@lingbi/core';
import { lockOutput } from '../convert/lock-output.ts';
import { requireAbsent } from '../convert/require-absent.ts';
import { atPlace } from '../convert/require-place.ts';
import { orDiskFull, requireRoom } from '../convert/require-room.ts';
import { openStaging } from '../convert/staging.ts';
import type { WriteConvertedOptions } from '../convert/write-converted.ts';
import { normalTable, xorshift } from './noise.ts';
import { hashOf } from './synth-checkpoint.ts';

/** A checkpoint as it would be published: bfloat16 tensors under their own names, in shards. */
export async function writePlain(
  out: string,
  tensors: ReadonlyMap<string, readonly number[]>,
  files: ReadonlyMap<string, Uint8Array>,
  seed: number,
  options: WriteConvertedOptions,
): Promise<void> {
  await using _lock = await lockOutput(out);
  await requireAbsent(out);
  // Begins anew: random numbers are soon made.
  const staging = await atPlace(out, () => openStaging(out, randomUUID()));
  const bytes = bytesOf([...tensors.values()]);
  await requireRoom(out, staging, bytes);
  try {
    await atPlace(out, () => staging.create());
    await writeShards(staging.folder, tensors, seed, options);
    for (const [file, bytes] of files) await writeFile(join(staging.folder, file), bytes);
    await staging.publish();
  } catch (error) {
    throw await orDiskFull(error, out, staging, bytes);
  }
}

async function writeShards(
  folder: string,
  tensors: ReadonlyMap<string, readonly number[]>,
  seed: number,
  { shardBytes = 2 ** 31, signal, onProgress }: WriteConvertedOptions,
): Promise<void> {
  const table = normalTable();
  const shards = splitBySize(tensors, shardBytes);
  const reports = reportWeights(tensors.size, onProgress);
  for (const [index, shard] of shards.entries()) {
    const [number, all] = [index + 1, shards.length].map((each) => String(each).padStart(5, '0'));
    const file = `model-${number}-of-${all}.safetensors`;
    await writeSafetensors(
      join(folder, file),
      shard.map(([name, shape]) => ({
        name,
        shape,
        dtype: 'bfloat16',
        bytes: () => {
          reports.begin(name);
          return randomBfloat16(
            shape.reduce((a, b) => a * b),
            hashOf(`${seed} ${name}`),
            table,
          );
        },
      })),
      signal && { signal },
    );
    reports.end();
    onProgress?.({ type: 'file-finished', file, bytes: (await stat(join(folder, file))).size });
  }
}

/** Tells of a weight when the next one is asked for, or none: then it is in the file. */
function reportWeights(total: number, onProgress: WriteConvertedOptions['onProgress']) {
  let written = 0;
  let current: string | undefined;
  const end = () => {
    if (current === undefined) return;
    onProgress?.({ type: 'weight-written', name: current, written: ++written, total });
    current = undefined;
  };
  const begin = (name: string) => {
    end();
    current = name;
  };
  return { begin, end };
}

/** As bfloat16. */
function bytesOf(shapes: readonly (readonly number[])[]): number {
  return shapes.reduce((sum, shape) => sum + 2 * shape.reduce((a, b) => a * b), 0);
}

type Entry = readonly [name: string, shape: readonly number[]];

function splitBySize(tensors: ReadonlyMap<string, readonly number[]>, limit: number): Entry[][] {
  const shards: Entry[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const [name, shape] of tensors) {
    const bytes = bytesOf([shape]);
    if (size + bytes > limit) {
      shards.push([]);
      size = 0;
    }
    shards.at(-1)!.push([name, shape]);
    size += bytes;
  }
  return shards;
}

/** The upper halves of float32 numbers. */
function randomBfloat16(length: number, seed: number, table: Float32Array): Uint8Array {
  const halves = new Uint16Array(new Uint32Array(table.buffer).map((word) => word >>> 16));
  const next = xorshift(seed);
  const result = new Uint16Array(length);
  for (let at = 0; at < length; at++) result[at] = halves[next() & (halves.length - 1)]!;
  return new Uint8Array(result.buffer);
}
