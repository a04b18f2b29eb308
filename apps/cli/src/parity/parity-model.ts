import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Backend,
  compileXComposer,
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
}

/** A checkpoint that can be compiled again under changed settings, as some cases ask for. */
export interface ParityModel extends AsyncDisposable {
  readonly tokenizer: Tokenizer;
  readonly xcomposer: XComposer;
  /** The same weights under another configuration; the caller's to dispose. */
  variant(override: object, compat?: XComposerCompat): Promise<XComposer>;
}

export async function openParityModel(options: ParityModelOptions): Promise<ParityModel> {
  const { folder, backend } = options;
  const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as object;
  const bytes = await readFile(options.tokenizer ?? join(folder, 'tokenizer.model'));
  const variant = async (override: object, compat: XComposerCompat = {}) => {
    const checkpoint = await openCheckpoint(folder);
    return compileXComposer({ backend, checkpoint, config: { ...config, ...override }, compat });
  };
  const xcomposer = await variant({});
  return {
    tokenizer: createTokenizer(bytes),
    xcomposer,
    variant,
    [Symbol.asyncDispose]: () => xcomposer[Symbol.asyncDispose](),
  };
}
