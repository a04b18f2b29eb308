import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Checkpoint } from './checkpoint.ts';
import { MANIFEST_FILE, type Manifest, parseManifest } from './converted/manifest.ts';
import { CheckpointError, CONVERT_AGAIN, WHOLE_CHECKPOINT } from './errors.ts';
import { findShards, notThere, readWhole, type Shards } from './find-shards.ts';
import { type CheckpointLimits, DEFAULT_LIMITS } from './limits.ts';
import { DOWNLOAD_AGAIN, openFile, type RandomAccessFile } from './random-access-file.ts';
import { describePlace, readPlace } from './read-place.ts';
import { readSafetensorsHeader } from './safetensors/read-header.ts';
import type { TensorPlace, TensorPlaces } from './tensor-place.ts';
import { readTorchFile } from './torch/read-torch-file.ts';

export interface OpenCheckpointOptions {
  readonly signal?: AbortSignal;
  /** Default: `DEFAULT_LIMITS`, which fit checkpoints of up to some 25,000 tensors. */
  readonly limits?: Partial<CheckpointLimits>;
}

/** A tensor and the open file that holds it. */
interface OpenTensor {
  readonly place: TensorPlace;
  readonly file: RandomAccessFile;
}

/**
 * Opens the checkpoint in a folder, sharded or not: safetensors, or `.bin` files of PyTorch, or what
 * a conversion made of them. Reads headers only; tensors are read when they are asked for. `path` may
 * also be one file.
 *
 * ```ts
 * await using checkpoint = await openCheckpoint('internlm-xcomposer2d5-7b');
 * const { dtype, shape } = checkpoint.describe('output.weight'); // 'bfloat16', [92544, 4096]
 * const bytes = await checkpoint.read('output.weight');
 * ```
 *
 * @throws CheckpointError
 */
export async function openCheckpoint(
  path: string,
  options: OpenCheckpointOptions = {},
): Promise<Checkpoint> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const manifest = await readManifest(path, limits, options.signal);
  const shards = await findShards(path, limits, options.signal);
  const files: RandomAccessFile[] = [];
  try {
    const remedy = manifest ? CONVERT_AGAIN : DOWNLOAD_AGAIN;
    const reading = { limits, remedy, signal: options.signal };
    const tensors = await openTensors(shards, files, reading);
    const checkpoint = checkpointOf(path, tensors, files, manifest);
    return manifest ? { ...checkpoint, manifest } : checkpoint;
  } catch (error) {
    await closeAll(files);
    throw error;
  }
}

async function readManifest(
  folder: string,
  limits: CheckpointLimits,
  signal?: AbortSignal,
): Promise<Manifest | undefined> {
  const file = join(folder, MANIFEST_FILE);
  const found = await stat(file).catch(() => undefined);
  if (!found?.isFile()) return undefined;
  return parseManifest(await readWhole(file, limits, signal), file, limits);
}

interface Reading {
  readonly limits: CheckpointLimits;
  /** Of a file that is cut off or not there. */
  readonly remedy: string;
  readonly signal: AbortSignal | undefined;
}

/** Opens every shard, adds it to `files`, and gathers what they hold. */
async function openTensors(
  shards: Shards,
  files: RandomAccessFile[],
  { limits, remedy, signal }: Reading,
): Promise<Map<string, OpenTensor>> {
  const tensors = new Map<string, OpenTensor>();
  for (const path of shards.files) {
    signal?.throwIfAborted();
    const file = await openShard(path, remedy);
    files.push(file);
    const places = await readPlaces(shards.format, file, limits, signal);
    for (const [name, place] of places) addTensor(tensors, name, { place, file }, shards);
  }
  checkPromises(shards, tensors);
  return tensors;
}

async function openShard(path: string, remedy: string): Promise<RandomAccessFile> {
  try {
    return await openFile(path, remedy);
  } catch (cause) {
    throw notThere(path, cause, `the index names it, but it is not there. ${remedy}`);
  }
}

async function readPlaces(
  format: Shards['format'],
  file: RandomAccessFile,
  limits: CheckpointLimits,
  signal?: AbortSignal,
): Promise<TensorPlaces> {
  await checkIsDownloaded(file, signal);
  switch (format) {
    case 'safetensors':
      return readSafetensorsHeader(file, limits, signal);
    case 'torch':
      return readTorchFile(file, limits, signal);
    default:
      throw format satisfies never;
  }
}

/** `git clone` without git-lfs leaves small texts where the weights should be. */
async function checkIsDownloaded(file: RandomAccessFile, signal?: AbortSignal): Promise<void> {
  const pointer = 'version https://git-lfs';
  if (file.size < pointer.length || file.size > 1024) return;
  const start = Buffer.from(await file.read(0, pointer.length, signal)).toString('latin1');
  if (start !== pointer) return;
  throw new CheckpointError(
    'missing',
    'it is a git-lfs pointer, not the weights. Run "git lfs pull" in its folder',
    { file: file.path },
  );
}

/** With an index, each tensor counts in the file that the index names; without, there may be only one. */
function addTensor(
  tensors: Map<string, OpenTensor>,
  name: string,
  tensor: OpenTensor,
  { fileOf }: Shards,
): void {
  if (fileOf && fileOf.get(name) !== tensor.file.path) return;
  const other = tensors.get(name);
  if (other) {
    const detail = `${other.file.path} holds it too, and no index says which one counts`;
    throw new CheckpointError('malformed', detail, { file: tensor.file.path, tensor: name });
  }
  tensors.set(name, tensor);
}

function checkPromises({ fileOf }: Shards, tensors: ReadonlyMap<string, OpenTensor>): void {
  for (const [tensor, file] of fileOf ?? []) {
    if (tensors.has(tensor)) continue;
    const detail =
      'the index says it is there, but it is not. Index and files are of different checkpoints';
    throw new CheckpointError('missing', detail, { file, tensor });
  }
}

function checkpointOf(
  path: string,
  tensors: ReadonlyMap<string, OpenTensor>,
  files: readonly RandomAccessFile[],
  manifest: Manifest | undefined,
): Checkpoint {
  const find = (name: string): OpenTensor => {
    const tensor = tensors.get(name);
    if (tensor) return tensor;
    const detail = `there is no such tensor. ${manifest ? CONVERT_AGAIN : WHOLE_CHECKPOINT}`;
    throw new CheckpointError('missing', detail, { file: path, tensor: name });
  };
  return {
    names: [...tensors.keys()],
    files: files.map((file) => file.path),
    has: (name) => tensors.has(name),
    describe: (name) => describePlace(name, find(name).place),
    read: async (name, signal) => {
      const { place, file } = find(name);
      return readPlace(name, place, file, signal);
    },
    [Symbol.asyncDispose]: () => closeAll(files),
  };
}

async function closeAll(files: readonly RandomAccessFile[]): Promise<void> {
  await Promise.all(files.map((file) => file[Symbol.asyncDispose]()));
}
