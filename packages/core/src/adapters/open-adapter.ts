import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { names } from '../models/xcomposer/checkpoint-names.ts';
import type { Checkpoint } from '../weights/checkpoint.ts';
import { openCheckpoint } from '../weights/open-checkpoint.ts';
import { type AdapterConfig, readAdapterConfig } from './adapter-config.ts';
import { AdapterError } from './adapter-error.ts';

/** A LoRA adapter in the layout of PEFT, open and unread. Disposing it closes its file. */
export interface LoraAdapter extends AsyncDisposable {
  readonly folder: string;
  readonly config: AdapterConfig;
  /** The pair of matrices of each adapted linear, by the checkpoint's name for its weight. */
  readonly pairs: ReadonlyMap<string, LoraPair>;
  /** Tensors that stand in place of the checkpoint's, by its names: separators of pictures that were trained. */
  readonly replaced: ReadonlyMap<string, string>;
  readonly tensors: Checkpoint;
  /** All others: copies of partial LoRA and such. They are not used. */
  readonly ignored: readonly string[];
}

/** Names of tensors: A [rank, in] and B [out, rank]. */
export interface LoraPair {
  readonly down: string;
  readonly up: string;
}

/** An adapter_config.json takes 1 KB. */
const MAX_CONFIG_BYTES = 1 << 20;

/**
 * Opens an adapter: adapter_config.json beside adapter_model.safetensors, or adapter_model.bin, which
 * is read by a parser that can only build tensors. Headers are read, and no matrix is.
 *
 * @throws AdapterError, CheckpointError
 */
export async function openAdapter(folder: string, signal?: AbortSignal): Promise<LoraAdapter> {
  const config = readAdapterConfig(folder, await readConfig(folder));
  const tensors = await openCheckpoint(await findWeights(folder), signal && { signal });
  try {
    const pairs = findPairs(folder, tensors, config);
    const replaced = findReplaced(tensors);
    const matrices = [...pairs.values()].flatMap(({ down, up }) => [down, up]);
    const used = new Set([...matrices, ...replaced.values()]);
    const ignored = tensors.names.filter((name) => !used.has(name));
    return {
      ...{ folder, config, pairs, replaced, tensors, ignored },
      [Symbol.asyncDispose]: () => tensors[Symbol.asyncDispose](),
    };
  } catch (error) {
    await tensors[Symbol.asyncDispose]();
    throw error;
  }
}

async function readConfig(folder: string): Promise<unknown> {
  const file = join(folder, 'adapter_config.json');
  const found = await stat(file).catch(() => undefined);
  if (!found?.isFile()) throw new AdapterError(folder, 'it has no adapter_config.json');
  if (found.size > MAX_CONFIG_BYTES) {
    throw new AdapterError(folder, `its adapter_config.json takes ${found.size} bytes`);
  }
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new AdapterError(
      folder,
      `its adapter_config.json is not JSON: ${(cause as Error).message}`,
    );
  }
}

async function findWeights(folder: string): Promise<string> {
  const files = ['adapter_model.safetensors', 'adapter_model.bin'];
  for (const file of files.map((name) => join(folder, name))) {
    if ((await stat(file).catch(() => undefined))?.isFile()) return file;
  }
  throw new AdapterError(folder, `it has neither ${files.join(' nor ')}`);
}

/** `base_model.model.` stands before the checkpoint's own names, `.default` may stand after A and B. */
const pairName = /^base_model\.model\.(.+)\.lora_([AB])(?:\.\w+)?\.weight$/;

function findPairs(
  folder: string,
  tensors: Checkpoint,
  { rank }: AdapterConfig,
): Map<string, LoraPair> {
  const halves = new Map<string, { A?: string; B?: string }>();
  for (const name of tensors.names) {
    const [, module, half] = pairName.exec(name) ?? [];
    if (module === undefined) continue;
    const known = halves.get(`${module}.weight`) ?? {};
    halves.set(`${module}.weight`, { ...known, [half!]: name });
  }
  if (halves.size === 0) throw new AdapterError(folder, 'it holds no lora_A and lora_B');
  return new Map(
    [...halves].map(([weight, { A: down, B: up }]) => {
      if (!down || !up)
        throw new AdapterError(folder, `it has only one of the two matrices for ${weight}`);
      requireRank(folder, tensors, down, 0, rank);
      requireRank(folder, tensors, up, 1, rank);
      return [weight, { down, up }];
    }),
  );
}

/** PEFT keeps what stays trainable beside the adapter (spec FINETUNE §7.1). */
function findReplaced(tensors: Checkpoint): Map<string, string> {
  const trained = [names.rowSeparator, names.viewSeparator];
  const found = trained.map((name) => [name, `base_model.model.${name}`] as const);
  return new Map(found.filter(([, stored]) => tensors.has(stored)));
}

function requireRank(
  folder: string,
  tensors: Checkpoint,
  name: string,
  axis: 0 | 1,
  rank: number,
): void {
  const { shape } = tensors.describe(name);
  if (shape.length === 2 && shape[axis] === rank) return;
  throw new AdapterError(
    folder,
    `${name} is [${shape.join(', ')}], but its configuration says r: ${rank}`,
  );
}
