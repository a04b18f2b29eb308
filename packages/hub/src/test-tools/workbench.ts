import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PullEvent } from '../events.ts';
import type { PullOptions } from '../options.ts';
import { type FakeFile, type FakeHub, modelId, startHub } from './hub-server.ts';

/** A hub, an empty cache, and options that bring them together, impatiently. */
export interface Workbench extends AsyncDisposable {
  readonly hub: FakeHub;
  readonly cache: string;
  /** The folder of the repository in the cache. */
  readonly repository: string;
  readonly events: PullEvent[];
  readonly options: PullOptions;
}

export async function workbench(files?: readonly FakeFile[]): Promise<Workbench> {
  const hub = await startHub(files);
  const cache = await mkdtemp(join(tmpdir(), 'lingbi-hub-'));
  const events: PullEvent[] = [];
  return {
    hub,
    cache,
    repository: join(cache, `models--${modelId.replace('/', '--')}`),
    events,
    options: {
      endpoint: hub.url,
      cacheFolder: cache,
      environment: {},
      token: false,
      onProgress: (event) => events.push(event),
      network: { partBytes: 64_000, retryDelaySeconds: 0.001, stallSeconds: 5 },
    },
    async [Symbol.asyncDispose]() {
      await hub[Symbol.asyncDispose]();
      await rm(cache, { recursive: true, force: true });
    },
  };
}

/** The error of a promise that has to fail. */
export async function failureOf(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error('it did not fail');
}
