import { HubAnswerError, PullLimitError } from '../errors.ts';
import type { Hub, Listing, RemoteFile } from './hub.ts';
import { isCommit, remoteFile, requireFewFiles } from './listing.ts';
import { fetchMetadata, type MetadataSettings, parseAnswer } from './metadata.ts';

/** huggingface.co, or a mirror that speaks its API. Listing goes through `@huggingface/hub`. */
export function huggingFace(settings: MetadataSettings): Hub {
  const { id, endpoint, page, tokenVariable } = settings.asked;
  return {
    name: 'Hugging Face',
    tokenVariable,
    page,
    list: (revision) => list(revision, settings),
    fileAddress: (path, { commit }) => {
      const encoded = path.split('/').map(encodeURIComponent).join('/');
      return new URL(`${base(endpoint)}/${id}/resolve/${commit}/${encoded}`);
    },
  };
}

async function list(revision: string, settings: MetadataSettings): Promise<Listing> {
  const { id, endpoint } = settings.asked;
  const { listFiles, modelInfo } = await import('@huggingface/hub'); // 60 ms, not needed offline
  const hub = { hubUrl: base(endpoint), fetch: metadataFetch(settings) };
  const { sha: commit } = await modelInfo({
    ...hub,
    name: id,
    revision,
    additionalFields: ['sha'],
  });
  if (!isCommit(commit)) {
    throw new HubAnswerError(endpoint.origin, 200, `the commit of ${id}@${revision} is ${commit}`);
  }
  const repo = { type: 'model', name: id } as const;
  const files: RemoteFile[] = [];
  for await (const entry of listFiles({ ...hub, repo, revision: commit, recursive: true })) {
    if (entry.type !== 'file') continue;
    files.push(
      entry.lfs
        ? remoteFile(entry.path, entry.lfs.size, 'sha256', entry.lfs.oid)
        : remoteFile(entry.path, entry.size, 'git-sha1', entry.oid),
    );
    requireFewFiles(files.length, settings.limits);
  }
  return { commit, files };
}

/** Gives the library our connections: proxies, retries, limits, typed errors, and tokens kept at home. */
function metadataFetch(settings: MetadataSettings): typeof fetch {
  let pages = 0;
  return async (input) => {
    // A page without files costs nothing to the server and leads to the next one for ever.
    const { files } = settings.limits;
    if (pages++ > files) throw new PullLimitError('files', pages, files);
    const url = new URL(input instanceof Request ? input.url : input);
    const { text, link } = await fetchMetadata(url, settings);
    parseAnswer(text, url);
    return new Response(text, { headers: link ? { link } : {} });
  };
}

/** The library and the hub's addresses want no slash at the end. */
function base(endpoint: URL): string {
  return endpoint.href.replace(/\/+$/, '');
}
