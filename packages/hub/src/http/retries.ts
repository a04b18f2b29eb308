import { setTimeout as sleep } from 'node:timers/promises';
import { PassingFailure } from './passing-failure.ts';

/** A server that asks for more patience than this gets none: the error says when to come back. */
const MAX_WAIT_SECONDS = 300;
const MAX_BACKOFF_SECONDS = 30;

export interface RetryPolicy {
  readonly retries: number;
  /** The first wait; each further one is twice as long. */
  readonly retryDelaySeconds: number;
  readonly signal: AbortSignal;
  readonly onRetry: (attempt: number, waitSeconds: number, reason: string) => void;
  /** Grows with what was achieved: a failure after progress counts as the first one. */
  readonly progress?: () => number;
}

/** Repeats what failed in passing. Other errors, and the last failure, go to the caller. */
export async function withRetries<T>(policy: RetryPolicy, attempt: () => Promise<T>): Promise<T> {
  let failures = 0;
  let achieved = policy.progress?.() ?? 0;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      policy.signal.throwIfAborted();
      if (!(error instanceof PassingFailure)) throw error;
      const progress = policy.progress?.() ?? 0;
      if (progress > achieved) failures = 0;
      achieved = progress;
      failures++;
      const waitSeconds = error.retryAfterSeconds ?? backoffSeconds(failures, policy);
      if (failures > policy.retries || waitSeconds > MAX_WAIT_SECONDS) throw error.final;
      policy.onRetry(failures, waitSeconds, error.message);
      await pause(waitSeconds, policy.signal);
    }
  }
}

/** Up to a quarter is chance, so that many clients do not come back at the same moment. */
function backoffSeconds(failures: number, { retryDelaySeconds }: RetryPolicy): number {
  const wait = Math.min(retryDelaySeconds * 2 ** (failures - 1), MAX_BACKOFF_SECONDS);
  return wait * (1 - Math.random() / 4);
}

/** Waits; when aborted, rejects with the reason that was given. */
export async function pause(seconds: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(seconds * 1000, undefined, { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}

/**
 * The wait that an answer asks for: `Retry-After` in seconds or as a date (RFC 9110 §10.2.3), else the
 * `t` of the hub's `RateLimit` header.
 */
export function retryAfterSeconds(headers: {
  readonly [name: string]: string | string[] | undefined;
}): number | undefined {
  const after = String(headers['retry-after'] ?? '');
  if (/^\d+$/.test(after)) return Number(after);
  const date = Date.parse(after);
  if (!Number.isNaN(date)) return Math.max(0, (date - Date.now()) / 1000);
  const reset = /;\s*t=(\d+)/.exec(String(headers['ratelimit'] ?? ''));
  return reset ? Number(reset[1]) : undefined;
}
