import type { PullLimits } from './limits.ts';

/** Whatever keeps a checkpoint from being pulled. Catch this for all of them. */
export class HubError extends Error {
  override name = 'HubError';
}

/** There is no such repository, or it is private and the hub does not say so. */
export class RepositoryNotFoundError extends HubError {
  override name = 'RepositoryNotFoundError';
  constructor(
    readonly id: string,
    readonly endpoint: string,
    tokenVariable: string,
  ) {
    super(
      `${endpoint} knows no repository ${id}. Check its name; if it is private, ` +
        `set ${tokenVariable} to a token that may read it`,
    );
  }
}

/** The repository is there, but has no such branch, tag or commit. */
export class RevisionNotFoundError extends HubError {
  override name = 'RevisionNotFoundError';
  constructor(
    readonly id: string,
    readonly revision: string,
  ) {
    super(
      `${id} has no branch, tag or commit ${revision}. Leave the revision out for the newest, or see the list on its page`,
    );
  }
}

/** The repository has no file of that name or pattern. */
export class HubFileNotFoundError extends HubError {
  override name = 'HubFileNotFoundError';
  constructor(
    readonly id: string,
    readonly revision: string,
    readonly path: string,
    problem: string,
  ) {
    super(`${id}@${revision}: ${problem}`);
  }
}

/** The terms of the repository have to be accepted by a person first. */
export class GatedRepositoryError extends HubError {
  override name = 'GatedRepositoryError';
  constructor(
    readonly id: string,
    /** The page on which the terms are accepted. */
    readonly page: string,
    readonly hasToken: boolean,
  ) {
    const next = hasToken
      ? 'with the account whose token is in use; approval may take its owners some time'
      : 'and set HF_TOKEN to a token of that account (https://huggingface.co/settings/tokens)';
    super(`${id} is gated: accept its terms at ${page} ${next}`);
  }
}

/** The hub refuses the token, or asks for one. */
export class UnauthorizedError extends HubError {
  override name = 'UnauthorizedError';
  constructor(
    readonly id: string,
    readonly status: number,
    problem: string,
  ) {
    super(`${id}: the hub answers ${status}: ${problem}`);
  }
}

/** The network is switched off, and the cache does not hold what was asked for. */
export class OfflineError extends HubError {
  override name = 'OfflineError';
  constructor(
    readonly id: string,
    readonly revision: string,
    readonly cacheFolder: string,
    /** Files that the cached copy lacks; empty when there is no copy at all. */
    readonly missing: readonly string[],
  ) {
    const what = missing.length === 0 ? 'holds no copy of it' : `lacks ${listed(missing)}`;
    super(
      `${id}@${revision} cannot be had offline: the cache ${cacheFolder} ${what}. ` +
        'Pull it once with HF_HUB_OFFLINE unset (and without offline: true)',
    );
  }
}

/** No answer came: no network, a proxy, a certificate, a name that does not resolve, or a stall. */
export class EndpointUnreachableError extends HubError {
  override name = 'EndpointUnreachableError';
  constructor(
    readonly endpoint: string,
    /** What the system calls it, such as `ENOTFOUND`. */
    readonly code: string,
    private readonly problem: string,
    options?: ErrorOptions,
    /** A complete copy of the same revision in the cache, if there is one. */
    readonly cachedFolder?: string,
  ) {
    const help = cachedFolder
      ? `A complete copy is in the cache (${cachedFolder}): set HF_HUB_OFFLINE=1 to use it as it is`
      : 'Check the network, HTTPS_PROXY and NO_PROXY, or choose a mirror with HF_ENDPOINT';
    super(`${endpoint} cannot be reached: ${problem}. ${help}`, options);
  }

  /** The same error, for a caller who has a copy in the cache. */
  withCachedCopy(folder: string): EndpointUnreachableError {
    const { endpoint, code, problem, cause } = this;
    return new EndpointUnreachableError(endpoint, code, problem, { cause }, folder);
  }
}

/** The disk has too little room; nothing was downloaded. */
export class NotEnoughSpaceError extends HubError {
  override name = 'NotEnoughSpaceError';
  constructor(
    readonly folder: string,
    readonly neededBytes: number,
    readonly freeBytes: number,
  ) {
    super(
      `${folder} has ${freeBytes} bytes free, and ${neededBytes} are still to be downloaded. ` +
        'Make room, or choose another cacheFolder (HF_HUB_CACHE)',
    );
  }
}

/** What arrived is not what the hub published. The bytes are gone from the disk. */
export class HashMismatchError extends HubError {
  override name = 'HashMismatchError';
  constructor(
    readonly path: string,
    readonly algorithm: string,
    readonly expected: string,
    readonly actual: string,
    /** The file that was deleted. */
    readonly deleted: string,
  ) {
    super(
      `${path} arrived with other bytes than published: its ${algorithm} is ${actual} instead of ${expected}. ` +
        `${deleted} was deleted. Pull again; if it happens again, a proxy or mirror changes the file`,
    );
  }
}

/** The server names a file, hash or revision that must not become a path here. Nothing was written. */
export class UnsafeFileNameError extends HubError {
  override name = 'UnsafeFileNameError';
  constructor(
    readonly path: string,
    problem: string,
  ) {
    super(
      `the hub lists ${JSON.stringify(path.slice(0, 200))}: ${problem}. Nothing was written; do not trust this repository`,
    );
  }
}

/** The repository is larger than `limits` allow. Nothing was downloaded. */
export class PullLimitError extends HubError {
  override name = 'PullLimitError';
  constructor(
    readonly limit: keyof PullLimits,
    readonly actual: number,
    readonly allowed: number,
  ) {
    super(
      `the repository has at least ${actual} ${limitUnits[limit]}, and ${allowed} are allowed. ` +
        `Choose files, or raise limits.${limit}`,
    );
  }
}

const limitUnits = {
  files: 'files',
  bytes: 'bytes in the chosen files',
  listingBytes: 'bytes in its list of files',
} as const satisfies Record<keyof PullLimits, string>;

/** The server answered, again and again, in a way that makes no sense or with an error of its own. */
export class HubAnswerError extends HubError {
  override name = 'HubAnswerError';
  constructor(
    readonly url: string,
    readonly status: number,
    problem: string,
  ) {
    super(`${url} answered ${status}: ${problem}`);
  }
}

/** A redirect that is not followed. */
export class RedirectRefusedError extends HubError {
  override name = 'RedirectRefusedError';
  constructor(
    readonly from: string,
    readonly to: string,
    problem: string,
  ) {
    super(`${from} redirects to ${to || 'no address'}: ${problem}`);
  }
}

function listed(names: readonly string[]): string {
  const rest = names.length - 3;
  return names.slice(0, 3).join(', ') + (rest > 0 ? ` and ${rest} more files` : '');
}
