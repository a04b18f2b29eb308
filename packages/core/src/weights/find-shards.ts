import { readdir, stat } from 'node:fs/promises';
import { basename, isAbsolute, join, relative, resolve } from 'node:path';
import { CheckpointError, quoted } from './errors.ts';
import { entriesOf, parseJsonObject } from './json-object.ts';
import type { CheckpointLimits } from './limits.ts';
import { openFile } from './random-access-file.ts';

/** Files that together are a checkpoint. */
export interface Shards {
  readonly format: 'safetensors' | 'torch';
  readonly files: readonly string[];
  /** Which file an index promises each tensor in; absent when there is no index. */
  readonly fileOf?: ReadonlyMap<string, string>;
}

const SAFETENSORS_INDEX = 'model.safetensors.index.json';
const TORCH_INDEX = 'pytorch_model.bin.index.json';

/**
 * Finds the files of a checkpoint by their names, the first of: a safetensors index, safetensors
 * files, an index of `.bin` files, `.bin` files. `path` may also be one such file.
 *
 * @throws CheckpointError when there are none or the index is not sound.
 */
export async function findShards(
  path: string,
  limits: CheckpointLimits,
  signal?: AbortSignal,
): Promise<Shards> {
  const names = await listFiles(path);
  if (!names) {
    return { format: path.endsWith('.safetensors') ? 'safetensors' : 'torch', files: [path] };
  }
  const index = async (name: string) => readIndex(path, name, limits, signal);
  const inFolder = (found: readonly string[]) => found.map((name) => join(path, name));
  if (names.includes(SAFETENSORS_INDEX)) {
    return { format: 'safetensors', ...(await index(SAFETENSORS_INDEX)) };
  }
  const safetensors = weightFiles(names, 'model', '.safetensors');
  if (safetensors.length > 0) return { format: 'safetensors', files: inFolder(safetensors) };
  if (names.includes(TORCH_INDEX)) return { format: 'torch', ...(await index(TORCH_INDEX)) };
  const torch = weightFiles(names, 'pytorch_model', '.bin');
  if (torch.length > 0) return { format: 'torch', files: inFolder(torch) };
  throw new CheckpointError('missing', 'there is no *.safetensors and no *.bin file in it', {
    file: path,
  });
}

/** The names in a folder, sorted; undefined when `path` is a file. */
async function listFiles(path: string): Promise<string[] | undefined> {
  try {
    return (await stat(path)).isDirectory() ? (await readdir(path)).sort() : undefined;
  } catch (cause) {
    throw notThere(path, cause, 'there is no such folder or file');
  }
}

/** Files called as weights are; if none is, all of this kind. Trainers leave others: training_args.bin. */
function weightFiles(names: readonly string[], stem: string, extension: string): string[] {
  const ofKind = names.filter((name) => name.endsWith(extension));
  const called = ofKind.filter((name) => name === stem + extension || name.startsWith(`${stem}-`));
  return called.length > 0 ? called : ofKind;
}

async function readIndex(
  folder: string,
  name: string,
  limits: CheckpointLimits,
  signal?: AbortSignal,
): Promise<Pick<Shards, 'files'> & Required<Pick<Shards, 'fileOf'>>> {
  const index = join(folder, name);
  const json = parseJsonObject(await readWhole(index, limits, signal), index, limits);
  const weightMap = entriesOf(json.get('weight_map'));
  if (!weightMap) throw new CheckpointError('malformed', 'it has no weight_map', { file: index });
  const fileOf = new Map<string, string>();
  for (const [tensor, file] of weightMap) {
    fileOf.set(tensor, shardPath(folder, file, { index, tensor }));
  }
  return { files: [...new Set(fileOf.values())].sort(), fileOf };
}

/** @throws CheckpointError when the file is larger than an index may be. */
export async function readWhole(
  path: string,
  limits: CheckpointLimits,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  await using file = await openFile(path);
  if (file.size <= limits.headerBytes) return await file.read(0, file.size, signal);
  throw new CheckpointError(
    'over-limit',
    `it takes ${file.size} bytes, the limit headerBytes is ${limits.headerBytes}`,
    { file: path },
  );
}

// Compared by name only: in a download cache the files are links that do lead out of the folder.
function shardPath(folder: string, file: unknown, at: { index: string; tensor: string }): string {
  const where = { file: at.index, tensor: at.tensor };
  if (typeof file !== 'string' || basename(file) === '' || file.includes('\0')) {
    throw new CheckpointError('malformed', 'it is not said which file holds it', where);
  }
  const path = resolve(folder, file);
  const inside = relative(resolve(folder), path);
  if (
    inside === '' ||
    isAbsolute(file) ||
    isAbsolute(inside) ||
    inside.split(/[\\/]/)[0] === '..'
  ) {
    throw new CheckpointError(
      'unsafe',
      `${quoted(file)} is outside of the checkpoint's folder`,
      where,
    );
  }
  return join(folder, inside);
}

/** The typed error for a path that is not there; any other error stays what it is. */
export function notThere(file: string, cause: unknown, detail: string): unknown {
  const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
  return isMissing ? new CheckpointError('missing', detail, { file, cause }) : cause;
}
