import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ModelNotFoundError } from './errors.ts';

/** A config.json of this family takes 2 KB; one of a megabyte is something else. */
const MAX_CONFIG_BYTES = 1 << 20;
/** The published tokenizer takes 1.5 MB. */
const MAX_TOKENIZER_BYTES = 64 << 20;

/** The small files of a checkpoint folder. */
export interface ModelFiles {
  readonly folder: string;
  readonly config: unknown;
  readonly tokenizer: Uint8Array;
}

/** @throws ModelNotFoundError naming what is missing and where to get it. */
export async function readModelFiles(model: string, signal?: AbortSignal): Promise<ModelFiles> {
  const config = await readConfigFile(model, signal);
  const tokenizer = await readSmallFile(model, 'tokenizer.model', MAX_TOKENIZER_BYTES, signal);
  return { folder: model, config, tokenizer };
}

/** What config.json holds. @throws ModelNotFoundError */
export async function readConfigFile(model: string, signal?: AbortSignal): Promise<unknown> {
  const config = await readSmallFile(model, 'config.json', MAX_CONFIG_BYTES, signal);
  return parseConfig(model, config);
}

async function readSmallFile(
  model: string,
  name: string,
  limit: number,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const path = join(model, name);
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile()) {
    throw new ModelNotFoundError(model, `it has no ${name}. Copy it from the published checkpoint`);
  }
  if (found.size > limit) {
    throw new ModelNotFoundError(
      model,
      `its ${name} takes ${found.size} bytes, more than the ${limit} such a file may have`,
    );
  }
  signal?.throwIfAborted();
  return readFile(path);
}

function parseConfig(model: string, bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new ModelNotFoundError(model, `its config.json is not JSON: ${(cause as Error).message}`);
  }
}
