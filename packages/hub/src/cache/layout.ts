import { join } from 'node:path';
import type { PublishedHash } from '../hub/hub.ts';

/**
 * Where the files of one repository lie. The layout is that of the Hugging Face libraries
 * (https://huggingface.co/docs/hub/local-cache), so that they find what was pulled here, and we what
 * they pulled.
 */
export interface RepositoryCache {
  /** The folder of the whole cache. */
  readonly root: string;
  /** Contents, named by their hash. */
  readonly blobs: string;
  /** One file for each branch or tag, with the commit it means. */
  readonly refs: string;
  /** One folder for each commit, with links to the contents. */
  readonly snapshots: string;
  readonly locks: string;
}

export function repositoryCache(root: string, id: string): RepositoryCache {
  const name = `models--${id.replaceAll('/', '--')}`;
  return {
    root,
    blobs: join(root, name, 'blobs'),
    refs: join(root, name, 'refs'),
    snapshots: join(root, name, 'snapshots'),
    locks: join(root, '.locks', name),
  };
}

/** The paths that the download of one file needs. */
export interface BlobPaths {
  readonly blob: string;
  /** Bytes that have arrived, at their final positions. */
  readonly partial: string;
  /** Which of them. */
  readonly journal: string;
  readonly lock: string;
}

// Not the names that huggingface_hub uses for its own unfinished files and locks: its locks are flock(2),
// which Node cannot take, so each of us works on files of its own and only finished blobs are shared.
export function blobPaths(cache: RepositoryCache, { hex }: PublishedHash): BlobPaths {
  return {
    blob: join(cache.blobs, hex),
    partial: join(cache.blobs, `${hex}.lingbi.incomplete`),
    journal: join(cache.blobs, `${hex}.lingbi.journal`),
    lock: join(cache.locks, `${hex}.lingbi.lock`),
  };
}
