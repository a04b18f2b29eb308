import { createHash } from 'node:crypto';
import { HubAnswerError, RevisionNotFoundError } from '../errors.ts';
import type { Hub, Listing, RemoteFile } from './hub.ts';
import { isCommit, remoteFile, requireFewFiles } from './listing.ts';
import { fetchMetadata, type MetadataSettings, parseAnswer } from './metadata.ts';

/** modelscope.cn. It publishes a sha256 for every file, but no commit for a branch. */
export function modelScope(settings: MetadataSettings): Hub {
  const { id, endpoint, page, tokenVariable } = settings.asked;
  return {
    name: 'ModelScope',
    tokenVariable,
    page,
    list: (revision) => list(revision, settings),
    fileAddress: (path, _, revision) => {
      const url = new URL(`api/v1/models/${id}/repo`, withSlash(endpoint));
      url.searchParams.set('Revision', revision);
      url.searchParams.set('FilePath', path);
      return url;
    },
  };
}

async function list(revision: string, settings: MetadataSettings): Promise<Listing> {
  const { asked, limits } = settings;
  const url = new URL(`api/v1/models/${asked.id}/repo/files`, withSlash(asked.endpoint));
  url.searchParams.set('Revision', revision);
  url.searchParams.set('Recursive', 'true');
  const { text } = await fetchMetadata(url, settings);
  const answer = parseAnswer(text, url) as FilesAnswer | null;
  if (answer?.Success !== true) {
    const message = JSON.stringify(answer?.Message ?? null).slice(0, 200);
    throw new HubAnswerError(url.href, 200, `it reports no success: ${message}`);
  }
  // An unknown revision is answered with success, and no list.
  const entries = answer.Data?.Files;
  if (!Array.isArray(entries)) throw new RevisionNotFoundError(asked.id, revision);
  requireFewFiles(entries.length, limits);
  const files = entries
    .filter((entry) => entry?.Type !== 'tree')
    .map((entry) => remoteFile(entry?.Path, entry?.Size, 'sha256', entry?.Sha256));
  return { commit: isCommit(revision) ? revision : nameOf(files), files };
}

interface FilesAnswer {
  readonly Success?: unknown;
  readonly Message?: unknown;
  readonly Data?: {
    readonly Files?: readonly ({
      readonly Type?: unknown;
      readonly Path?: unknown;
      readonly Size?: unknown;
      readonly Sha256?: unknown;
    } | null)[];
  };
}

/** Instead of a commit: a name that changes when any file does. */
function nameOf(files: readonly RemoteFile[]): string {
  const lines = files.map(({ path, hash }) => `${hash.hex} ${path}\n`).sort();
  return createHash('sha1').update(lines.join('')).digest('hex');
}

function withSlash({ href }: URL): string {
  return href.endsWith('/') ? href : `${href}/`;
}
