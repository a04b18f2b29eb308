import type { Token } from '../environment.ts';
import {
  GatedRepositoryError,
  HubAnswerError,
  type HubError,
  HubFileNotFoundError,
  RepositoryNotFoundError,
  RevisionNotFoundError,
  UnauthorizedError,
} from '../errors.ts';
import { type Answer, withoutQuery } from '../http/client.ts';
import { PassingFailure } from '../http/passing-failure.ts';
import { retryAfterSeconds } from '../http/retries.ts';

/** What was asked for, as far as an error has to name it. */
export interface Asked {
  readonly id: string;
  readonly revision: string;
  /** The file; absent when it was the list of files. */
  readonly path?: string;
  readonly endpoint: URL;
  readonly page: string;
  readonly token: Token | undefined;
  readonly tokenVariable: string;
}

const passingStatuses = [408, 425, 429, 500, 502, 503, 504];

/** Why an answer is no success: an error for the caller, or a failure that may pass. */
export function refusalOf(answer: Answer, asked: Asked): HubError | PassingFailure {
  const { status, url, headers } = answer;
  if (passingStatuses.includes(status)) {
    return new PassingFailure(overloaded(answer, asked), retryAfterSeconds(headers));
  }
  // Another server's refusal says nothing of the repository: links to stores expire. Asking the hub
  // again yields a new one.
  if (url.origin !== asked.endpoint.origin) {
    return new PassingFailure(
      new HubAnswerError(withoutQuery(url.href), status, 'the hub had sent us there for the file'),
    );
  }
  return refusalOfHub(answer, asked);
}

// https://huggingface.co/docs/huggingface_hub: the hub names its refusals in X-Error-Code, because the
// status alone hides whether a repository is missing or private.
function refusalOfHub({ status, headers, url }: Answer, asked: Asked): HubError {
  const { id, revision, path, page, token } = asked;
  const code = String(headers['x-error-code'] ?? '');
  if (code === 'GatedRepo') return new GatedRepositoryError(id, page, token !== undefined);
  if (code === 'RevisionNotFound') return new RevisionNotFoundError(id, revision);
  if (status === 401 && token) {
    const problem = `the token from ${token.from} is not accepted. Give another, or none`;
    return new UnauthorizedError(id, status, problem);
  }
  if (code === 'RepoNotFound') return repositoryNotFound(asked);
  if (status === 401 || status === 403) return new UnauthorizedError(id, status, permission(asked));
  if (status !== 404)
    return new HubAnswerError(withoutQuery(url.href), status, 'that was not expected');
  if (path === undefined) return repositoryNotFound(asked);
  return new HubFileNotFoundError(id, revision, path, `${path} is listed, but it is not there`);
}

function repositoryNotFound({ id, endpoint, tokenVariable }: Asked): HubError {
  return new RepositoryNotFoundError(id, endpoint.origin, tokenVariable);
}

function permission({ token, tokenVariable }: Asked): string {
  return token
    ? `the token from ${token.from} does not permit it. Give it the right to read this repository`
    : `it asks who you are. Set ${tokenVariable}`;
}

function overloaded({ url, status, headers }: Answer, { token, tokenVariable }: Asked): HubError {
  const wait = retryAfterSeconds(headers);
  const when = wait === undefined ? 'later' : `in ${Math.ceil(wait)} seconds`;
  const help = status === 429 && !token ? `, or set ${tokenVariable}: limits are higher then` : '';
  const problem = status === 429 ? 'too many requests' : 'the server is in trouble';
  return new HubAnswerError(withoutQuery(url.href), status, `${problem}. Try again ${when}${help}`);
}
