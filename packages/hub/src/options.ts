import { resolve } from 'node:path';
import type { FileSelection } from './checkpoint-files.ts';
import {
  type Environment,
  huggingFaceCache,
  huggingFaceToken,
  isOffline,
  modelScopeCache,
  modelScopeToken,
  type Token,
} from './environment.ts';
import type { PullEvent } from './events.ts';
import { defaultLimits, type PullLimits } from './limits.ts';
import { parseModelId, requireRevision } from './model-id.ts';
import { requireKnown } from './require-known.ts';

export type HubSource = 'huggingface' | 'modelscope';

/** How patiently and how broadly bytes are fetched. */
export interface NetworkOptions {
  /** Requests at the same time, over all files. 8 by default. */
  readonly connections?: number;
  /** Large files are fetched in parts of so many bytes. 64 MiB by default. */
  readonly partBytes?: number;
  /** Failures in a row, without a byte between them, before giving up. 5 by default. */
  readonly retries?: number;
  /** The wait after the first failure; it doubles up to 30 s. A `Retry-After` goes before. 0.5 by default. */
  readonly retryDelaySeconds?: number;
  /** A connection on which nothing comes for so long is given up. `HF_HUB_DOWNLOAD_TIMEOUT`, or 30. */
  readonly stallSeconds?: number;
}

export interface PullOptions {
  /** `'huggingface'` by default. */
  readonly source?: HubSource;
  /** Branch, tag or commit, unless the id has one. `main`, or `master` of ModelScope, by default. */
  readonly revision?: string;
  /** Which files. What a checkpoint needs by default; `['*.json']` names patterns. */
  readonly files?: FileSelection;
  /** Where the cache is. By default where the Hugging Face libraries have theirs (`HF_HUB_CACHE` and others). */
  readonly cacheFolder?: string;
  /** Address of the hub or of a mirror. `HF_ENDPOINT` or `MODELSCOPE_ENDPOINT` by default. */
  readonly endpoint?: string;
  /** `HF_TOKEN`, or the file of `hf auth login`, by default; false sends none. */
  readonly token?: string | false;
  /** Uses the cache only. `HF_HUB_OFFLINE` by default. */
  readonly offline?: boolean;
  readonly network?: NetworkOptions;
  readonly limits?: Partial<PullLimits>;
  /** Called with each event, in order. What it throws ends the pull. */
  readonly onProgress?: (event: PullEvent) => void;
  readonly signal?: AbortSignal;
  /** The variables that are read instead of those of the process. */
  readonly environment?: Environment;
}

/** The options with everything decided. */
export interface Settings {
  readonly id: string;
  readonly source: HubSource;
  readonly revision: string;
  readonly files: FileSelection;
  readonly cacheFolder: string;
  readonly endpoint: URL;
  readonly token: Token | undefined;
  readonly offline: boolean;
  readonly network: Required<NetworkOptions>;
  readonly limits: PullLimits;
  readonly emit: (event: PullEvent) => void;
  readonly signal: AbortSignal;
  readonly environment: Environment;
}

/** @throws TypeError or RangeError for what cannot be meant. */
export async function settingsOf(model: string, options: PullOptions): Promise<Settings> {
  requireKnown('pull', options, optionNames);
  requireKnown('pull: network', options.network ?? {}, networkNames);
  requireKnown('pull: limits', options.limits ?? {}, Object.keys(defaultLimits));
  const environment = options.environment ?? process.env;
  const source = options.source ?? 'huggingface';
  const facts = sourceFacts(source, environment);
  const cacheFolder = options.cacheFolder ?? facts.cacheFolder;
  return {
    ...idAndRevision(model, options.revision, facts.revision),
    source,
    files: options.files ?? 'checkpoint',
    cacheFolder: resolve(cacheFolder),
    endpoint: endpointOf(options.endpoint ?? facts.endpoint),
    token: await tokenOf(options.token, facts.token),
    offline: options.offline ?? isOffline(environment),
    network: networkOf(options.network ?? {}, environment),
    limits: { ...defaultLimits, ...options.limits },
    emit: options.onProgress ?? (() => {}),
    signal: options.signal ?? new AbortController().signal,
    environment,
  };
}

const optionNames = Object.keys({
  source: 0,
  revision: 0,
  files: 0,
  cacheFolder: 0,
  endpoint: 0,
  token: 0,
  offline: 0,
  network: 0,
  limits: 0,
  onProgress: 0,
  signal: 0,
  environment: 0,
} satisfies Record<keyof PullOptions, 0>);

const networkDefaults: Required<NetworkOptions> = {
  connections: 8,
  partBytes: 64 * 2 ** 20,
  retries: 5,
  retryDelaySeconds: 0.5,
  stallSeconds: 30,
};
const networkNames = Object.keys(networkDefaults);

interface SourceFacts {
  readonly endpoint: string;
  readonly revision: string;
  readonly cacheFolder: string;
  readonly token: () => Promise<Token | undefined>;
}

function sourceFacts(source: HubSource, environment: Environment): SourceFacts {
  switch (source) {
    case 'huggingface':
      return {
        endpoint: environment['HF_ENDPOINT'] || 'https://huggingface.co',
        revision: 'main',
        cacheFolder: huggingFaceCache(environment),
        token: () => huggingFaceToken(environment),
      };
    case 'modelscope':
      return {
        endpoint: environment['MODELSCOPE_ENDPOINT'] || 'https://modelscope.cn',
        revision: 'master',
        cacheFolder: modelScopeCache(environment),
        token: async () => modelScopeToken(environment),
      };
    default:
      source satisfies never;
      throw new TypeError(
        `pull: unknown source ${String(source)}. It is huggingface or modelscope`,
      );
  }
}

function idAndRevision(
  model: string,
  option: string | undefined,
  usual: string,
): Pick<Settings, 'id' | 'revision'> {
  const { id, revision } = parseModelId(model);
  if (option !== undefined) requireRevision(option);
  if (revision !== undefined && option !== undefined && revision !== option) {
    throw new TypeError(
      `pull: ${model} and the option revision: ${JSON.stringify(option)} contradict each other. Give one`,
    );
  }
  return { id, revision: revision ?? option ?? usual };
}

function endpointOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isWeb = url?.protocol === 'https:' || url?.protocol === 'http:';
  if (url && isWeb && url.username === '' && url.password === '') return url;
  throw new TypeError(
    `pull: the endpoint ${JSON.stringify(text)} is no web address. Give one such as https://huggingface.co, without a password`,
  );
}

async function tokenOf(
  option: string | false | undefined,
  usual: () => Promise<Token | undefined>,
): Promise<Token | undefined> {
  if (option === false) return undefined;
  const token = option === undefined ? await usual() : { value: option, from: 'the option token' };
  if (token && !/^[\x21-\x7e]+$/.test(token.value)) {
    throw new TypeError(`pull: the token from ${token.from} contains characters that no token has`);
  }
  return token;
}

function networkOf(options: NetworkOptions, environment: Environment): Required<NetworkOptions> {
  const timeout = Number(environment['HF_HUB_DOWNLOAD_TIMEOUT']);
  const usual = timeout > 0 ? { ...networkDefaults, stallSeconds: timeout } : networkDefaults;
  const network = { ...usual, ...options };
  for (const name of ['connections', 'partBytes'] as const) {
    if (Number.isInteger(network[name]) && network[name] > 0) continue;
    throw new RangeError(`pull: network.${name} is ${network[name]}. Give a whole number above 0`);
  }
  for (const name of ['retries', 'retryDelaySeconds', 'stallSeconds'] as const) {
    if (network[name] >= 0) continue;
    throw new RangeError(`pull: network.${name} is ${network[name]}. Give a number of at least 0`);
  }
  return network;
}
