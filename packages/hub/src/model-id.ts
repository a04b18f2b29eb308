import { isRevision } from './cache/safe-path.ts';

/** A repository on a hub, and which version of it. */
export interface ModelId {
  /** `owner/name`. */
  readonly id: string;
  readonly revision?: string;
}

// The rule of huggingface_hub's validate_repo_id: at most 96 characters, and `--` separates the parts of a
// folder's name in the cache.
const idPattern = /^(?!.*(?:--|\.\.))(?:[a-z0-9_][\w.-]*\/)?[a-z0-9_](?:[\w.-]*\w)?$/i;

/**
 * Splits `owner/name@revision`. The revision is a branch, a tag or a commit.
 *
 * @throws TypeError when it is not of that form.
 */
export function parseModelId(text: string): ModelId {
  const at = text.indexOf('@');
  const id = at < 0 ? text : text.slice(0, at);
  if (id.length > 96 || !idPattern.test(id)) {
    throw new TypeError(
      `${JSON.stringify(text)} is not the name of a repository. Write owner/name or owner/name@revision, such as internlm/internlm-xcomposer2d5-7b`,
    );
  }
  if (at < 0) return { id };
  const revision = text.slice(at + 1);
  requireRevision(revision);
  return { id, revision };
}

/** @throws TypeError when no branch, tag or commit can be called so. */
export function requireRevision(revision: string): void {
  if (isRevision(revision)) return;
  throw new TypeError(
    `${JSON.stringify(revision)} is not a revision. Give a branch, a tag or a commit, such as main`,
  );
}
