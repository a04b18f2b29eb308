import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The variables of a process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Where a token came from, so that an error can say which one was refused. */
export interface Token {
  readonly value: string;
  readonly from: string;
}

/** `HF_HUB_CACHE`, `HUGGINGFACE_HUB_CACHE`, or `hub` in the Hugging Face folder, in this order. */
export function huggingFaceCache(environment: Environment): string {
  const named = environment['HF_HUB_CACHE'] || environment['HUGGINGFACE_HUB_CACHE'];
  return named ? expandHome(named) : join(huggingFaceHome(environment), 'hub');
}

/**
 * A folder of our own below the one of ModelScope: its Python library keeps plain files there, without
 * revisions.
 */
export function modelScopeCache(environment: Environment): string {
  const named = environment['MODELSCOPE_CACHE'];
  return join(named ? expandHome(named) : join(cacheHome(environment), 'modelscope'), 'lingbi');
}

/** A token given by a variable, else the one that `hf auth login` left. */
export async function huggingFaceToken(environment: Environment): Promise<Token | undefined> {
  if (isOn(environment['HF_HUB_DISABLE_IMPLICIT_TOKEN'])) return undefined;
  const named = namedToken(environment, ['HF_TOKEN', 'HUGGING_FACE_HUB_TOKEN']);
  if (named) return named;
  const path = environment['HF_TOKEN_PATH'] || join(huggingFaceHome(environment), 'token');
  const value = await readFile(expandHome(path), 'utf8').catch(() => '');
  return value.trim() === '' ? undefined : { value: value.trim(), from: path };
}

export function modelScopeToken(environment: Environment): Token | undefined {
  return namedToken(environment, ['MODELSCOPE_API_TOKEN']);
}

export function isOffline(environment: Environment): boolean {
  return isOn(environment['HF_HUB_OFFLINE']);
}

function namedToken(environment: Environment, names: readonly string[]): Token | undefined {
  const from = names.find((name) => environment[name]?.trim());
  return from === undefined ? undefined : { value: environment[from]!.trim(), from };
}

/** huggingface_hub's reading of a boolean variable. */
function isOn(value: string | undefined): boolean {
  return ['1', 'ON', 'YES', 'TRUE'].includes(value?.toUpperCase() ?? '');
}

function huggingFaceHome(environment: Environment): string {
  const named = environment['HF_HOME'];
  return named ? expandHome(named) : join(cacheHome(environment), 'huggingface');
}

function cacheHome(environment: Environment): string {
  const named = environment['XDG_CACHE_HOME'];
  return named ? expandHome(named) : join(homedir(), '.cache');
}

function expandHome(path: string): string {
  return path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path;
}
