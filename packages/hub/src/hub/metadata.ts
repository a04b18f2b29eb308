import { HubAnswerError } from '../errors.ts';
import { type HttpClient, withoutQuery } from '../http/client.ts';
import { readText } from '../http/read-text.ts';
import { type RetryPolicy, withRetries } from '../http/retries.ts';
import type { PullLimits } from '../limits.ts';
import { type Asked, refusalOf } from './refusal.ts';

/** What asking a hub for metadata takes. */
export interface MetadataSettings {
  readonly client: HttpClient;
  readonly retry: RetryPolicy;
  readonly limits: PullLimits;
  readonly asked: Asked;
}

export interface Metadata {
  readonly text: string;
  /** The `Link` header, which names the next page. */
  readonly link: string | undefined;
}

/** Fetches a page of metadata, again if it fails in passing. */
export function fetchMetadata(url: URL, settings: MetadataSettings): Promise<Metadata> {
  const { client, retry, limits, asked } = settings;
  return withRetries(retry, async () => {
    const answer = await client.get(url, { accept: 'application/json' }, retry.signal);
    if (answer.status !== 200) {
      answer.body.destroy();
      throw refusalOf(answer, asked);
    }
    const text = await readText(answer, limits.listingBytes);
    return { text, link: answer.headers['link'] as string | undefined };
  });
}

/** @throws HubAnswerError when the text is not JSON: a login page of a network, for instance. */
export function parseAnswer(text: string, url: URL): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const beginning = JSON.stringify(text.slice(0, 60));
    throw new HubAnswerError(
      withoutQuery(url.href),
      200,
      `it is not JSON but begins with ${beginning}`,
    );
  }
}
