import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import {
  type Backend,
  compileXComposer,
  type KvFormat,
  openCheckpoint,
  type XComposer,
  type XComposerCompat,
} from '@lingbi/core';
import { createTokenizer, type Tokenizer } from '@lingbi/tokenizer';

export interface ParityModelOptions {
  readonly folder: string;
  /** Default: the folder's own tokenizer.model. */
  readonly tokenizer?: string;
  readonly backend: Backend;
  /** How keys and values are kept. Default: as the reference keeps them. */
  readonly kv?: KvFormat;
}

/** A checkpoint that can be compiled again under changed settings, as some cases ask for. */
export interface ParityModel extends AsyncDisposable {
  readonly tokenizer: Tokenizer;
  readonly xcomposer: XComposer;
  /** The same weights under another configuration; the caller's to dispose. */
  variant(override: object, compat?: XComposerCompat): Promise<XComposer>;
}

export async function openParityModel(options: ParityModelOptions): Promise<ParityModel> {
  const { folder, backend, kv } = options;
  const config = JSON.parse(String(await readModelFile(join(folder, 'config.json')))) as object;
  const bytes = await readModelFile(options.tokenizer ?? (await findTokenizer(folder)));
  const variant = async (override: object, compat: XComposerCompat = {}) => {
    const checkpoint = await openCheckpoint(folder);
    const changed = { ...config, ...override };
    return compileXComposer({ backend, checkpoint, config: changed, compat, ...(kv && { kv }) });
  };
  const xcomposer = await variant({});
  return {
    tokenizer: createTokenizer(bytes),
    xcomposer,
    variant,
    [Symbol.asyncDispose]: () => xcomposer[Symbol.asyncDispose](),
  };
}

async function readModelFile(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new Error(
      `Cannot read ${path}: ${(error as Error).message}. --model must name a folder with config.json and weights, and --tokenizer a tokenizer.model when that folder has none`,
    );
  }
}

/** The same checkpoint is often kept twice side by side, in two formats with one tokenizer. */
async function findTokenizer(folder: string): Promise<string> {
  const beside = (await readdir(dirname(resolve(folder)))).sort();
  const places = [resolve(folder), ...beside.map((name) => join(dirname(resolve(folder)), name))];
  const found = places.map((place) => join(place, 'tokenizer.model')).find(existsSync);
  return found ?? join(folder, 'tokenizer.model');
}
