import { findCachedCopy } from './cache/cached-copy.ts';
import { blobPaths, type RepositoryCache, repositoryCache } from './cache/layout.ts';
import { linkSnapshot, writeRef } from './cache/snapshot.ts';
import { type Connection, connect, retryPolicy } from './connection.ts';
import { type Download, downloadFile } from './download/download-file.ts';
import { removeLeftovers } from './download/partial-file.ts';
import { runAll } from './download/run-all.ts';
import { createSlots } from './download/slots.ts';
import { EndpointUnreachableError, NotEnoughSpaceError, OfflineError } from './errors.ts';
import type { Listing } from './hub/hub.ts';
import { isCommit } from './hub/listing.ts';
import { type PullOptions, type Settings, settingsOf } from './options.ts';
import { distinct, type PullPlan, planOf } from './plan.ts';

/** A checkpoint on the disk. */
export interface PulledCheckpoint {
  /** The folder of its files, as `openModel` takes it. They may be links: do not change them. */
  readonly folder: string;
  /** The commit. Pull `owner/name@commit` to have these very files again, without asking the hub. */
  readonly revision: string;
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
}

/**
 * Brings a checkpoint from a hub into the cache that all Hugging Face libraries share, and returns its
 * folder. What is there is not fetched again; what was interrupted is continued; each file is hashed
 * before it counts. A commit that is cached whole is returned without asking the hub.
 *
 * ```ts no-run: downloads a checkpoint
 * const { folder } = await pull('internlm/internlm-xcomposer2d5-7b', { signal });
 * await using model = await openModel(folder, { backend: onnx() });
 * ```
 *
 * @throws HubError of one of its classes, TypeError or RangeError for wrong options, and the reason of
 * the signal.
 */
export async function pull(model: string, options: PullOptions = {}): Promise<PulledCheckpoint> {
  const settings = await settingsOf(model, options);
  settings.signal.throwIfAborted();
  const cache = repositoryCache(settings.cacheFolder, settings.id);
  const cached = await fromCache(cache, settings);
  if (cached) return cached;
  using connection = connect(settings);
  const listing = await listOrAdvise(connection, cache, settings);
  const plan = await planOf(listing, cache, settings);
  settings.emit({ type: 'plan-made', plan });
  requireSpace(plan, settings);
  await downloadMissing(plan, listing, connection, cache, settings);
  await linkSnapshot(cache, plan.revision, plan.files);
  await writeRef(cache, settings.revision, plan.revision);
  const files = plan.files.map(({ path, bytes }) => ({ path, bytes }));
  return { folder: plan.folder, revision: plan.revision, files };
}

/**
 * Says what `pull` would fetch, and how much of it is there. Asks the hub, writes nothing.
 *
 * @throws like `pull`; OfflineError when offline, because only the hub knows.
 */
export async function planPull(model: string, options: PullOptions = {}): Promise<PullPlan> {
  const settings = await settingsOf(model, options);
  settings.signal.throwIfAborted();
  const cache = repositoryCache(settings.cacheFolder, settings.id);
  if (settings.offline) throw offline(settings, []);
  using connection = connect(settings);
  return planOf(await listOrAdvise(connection, cache, settings), cache, settings);
}

/** The cached copy, when the hub must not or need not be asked. */
async function fromCache(
  cache: RepositoryCache,
  settings: Settings,
): Promise<PulledCheckpoint | undefined> {
  const { revision, files: selection, offline: isOffline } = settings;
  // Patterns may match more on the hub than here; only what a checkpoint needs is known without it.
  if (!isOffline && !(isCommit(revision) && selection === 'checkpoint')) return undefined;
  const copy = await findCachedCopy(cache, revision, selection);
  if (copy && copy.missing.length === 0) {
    const { folder, files } = copy;
    return { folder, revision: copy.revision, files };
  }
  if (isOffline) throw offline(settings, copy?.missing ?? []);
  return undefined;
}

function offline(
  { id, revision, cacheFolder }: Settings,
  missing: readonly string[],
): OfflineError {
  return new OfflineError(id, revision, cacheFolder, missing);
}

/** When no answer comes, the error says whether a cached copy could be used instead. */
async function listOrAdvise(
  { hub }: Connection,
  cache: RepositoryCache,
  { revision, files }: Settings,
): Promise<Listing> {
  try {
    return await hub.list(revision);
  } catch (error) {
    if (!(error instanceof EndpointUnreachableError)) throw error;
    const copy = await findCachedCopy(cache, revision, files);
    if (!copy || copy.missing.length > 0) throw error;
    throw error.withCachedCopy(copy.folder);
  }
}

function requireSpace({ missingBytes, freeBytes }: PullPlan, { cacheFolder }: Settings): void {
  if (missingBytes > freeBytes) throw new NotEnoughSpaceError(cacheFolder, missingBytes, freeBytes);
}

async function downloadMissing(
  plan: PullPlan,
  listing: Listing,
  { hub, client, asked }: Connection,
  cache: RepositoryCache,
  settings: Settings,
): Promise<void> {
  const slots = createSlots(settings.network.connections);
  const fileSlots = createSlots(settings.network.connections); // each holds open files
  for (const { hash, isCached } of plan.files) {
    if (isCached) await removeLeftovers(blobPaths(cache, hash));
  }
  const missing = distinct(plan.files.filter(({ isCached }) => !isCached));
  // Small files first: what is wrong with a repository shows early.
  const ordered = missing.sort((a, b) => a.bytes - b.bytes);
  await runAll(
    settings.signal,
    ordered.map((file) => (signal) => {
      const { path } = file;
      const download: Download = {
        file,
        paths: blobPaths(cache, file.hash),
        address: hub.fileAddress(path, listing, settings.revision),
        asked: { ...asked, path },
        client,
        slots,
        retry: { ...retryPolicy(settings, path), signal },
        partBytes: settings.network.partBytes,
        emit: settings.emit,
      };
      return fileSlots(() => downloadFile(download));
    }),
  );
}
