import { type HttpClient, openClient } from './http/client.ts';
import type { RetryPolicy } from './http/retries.ts';
import type { Hub } from './hub/hub.ts';
import { huggingFace } from './hub/hugging-face.ts';
import type { MetadataSettings } from './hub/metadata.ts';
import { modelScope } from './hub/model-scope.ts';
import type { Asked } from './hub/refusal.ts';
import type { HubSource, Settings } from './options.ts';

/** Metadata comes at once or not at all; who has no network should not wait long to be told. */
const METADATA_RETRIES = 2;

/** A hub, and the connections through which it is asked. Disposing it closes them. */
export interface Connection extends Disposable {
  readonly hub: Hub;
  readonly client: HttpClient;
  /** What errors about an answer have to name. */
  readonly asked: Asked;
}

export function connect(settings: Settings): Connection {
  const { endpoint, environment, network, limits } = settings;
  const credentials = credentialsOf(settings);
  const client = openClient({ endpoint, credentials, environment, ...network });
  const asked = askedOf(settings);
  const retries = Math.min(network.retries, METADATA_RETRIES);
  const retry = { ...retryPolicy(settings, `the list of ${settings.id}`), retries };
  const hub = hubOf(settings.source, { client, retry, limits, asked });
  return { hub, client, asked, [Symbol.dispose]: () => client[Symbol.dispose]() };
}

export function retryPolicy({ network, signal, emit }: Settings, subject: string): RetryPolicy {
  return {
    ...network,
    signal,
    onRetry: (attempt, waitSeconds, reason) =>
      emit({ type: 'request-retried', subject, attempt, waitSeconds, reason }),
  };
}

function hubOf(source: HubSource, settings: MetadataSettings): Hub {
  return source === 'modelscope' ? modelScope(settings) : huggingFace(settings);
}

function askedOf({ id, revision, endpoint, token, source }: Settings): Asked {
  const isModelScope = source === 'modelscope';
  return {
    id,
    revision,
    endpoint,
    token,
    page: `${endpoint.href.replace(/\/+$/, '')}/${isModelScope ? 'models/' : ''}${id}`,
    tokenVariable: isModelScope ? 'MODELSCOPE_API_TOKEN' : 'HF_TOKEN',
  };
}

function credentialsOf({ token, source }: Settings): Record<string, string> {
  if (!token) return {};
  const authorization = `Bearer ${token.value}`;
  // Older addresses of ModelScope read the token from the cookie of a session.
  if (source === 'modelscope') return { authorization, cookie: `m_session_id=${token.value}` };
  return { authorization };
}
