import type { HostTensor } from '../../backend/backend.ts';
import { SharedWork } from './shared-work.ts';

/** One picture of 24 tiles for the 7B model and a bit. */
export const DEFAULT_IMAGE_CACHE_BYTES: number = 256 * 2 ** 20;

/** What a row cache did so far. */
export interface RowCacheUse {
  /** Pictures that did not have to be encoded again, or were being encoded already. */
  readonly hits: number;
  readonly misses: number;
  /** Bytes it holds now, at most its budget. */
  readonly bytes: number;
  readonly pictures: number;
}

/** Rows of pictures by their `key`: pixels and transform. The picture used longest ago goes first. */
export interface RowCache {
  readonly use: RowCacheUse;
  /**
   * The rows of a picture, made by `encode` unless they are here, or are being made for somebody else.
   * The signal given to `encode` is aborted when nobody waits for them any more.
   */
  rows(
    key: string,
    encode: (signal: AbortSignal) => Promise<HostTensor>,
    signal?: AbortSignal,
  ): Promise<HostTensor>;
  /** Bytes of each picture that it holds, the one used longest ago first. */
  readonly sizes: ReadonlyMap<string, number>;
  /** Gives back the one used longest ago that is not `spared`. Whether there was one. */
  dropOldest(spared: ReadonlySet<string>): boolean;
  clear(): void;
}

/** A cache of at most `budget` bytes; 0 keeps nothing. */
export function createRowCache(budget: number): RowCache {
  const held = new Map<string, HostTensor>();
  const encoding = new SharedWork<HostTensor>();
  const counts = { hits: 0, misses: 0, bytes: 0 };
  const drop = (key: string) => {
    counts.bytes -= held.get(key)?.data.byteLength ?? 0;
    held.delete(key);
  };
  const keep = (key: string, rows: HostTensor) => {
    if (rows.data.byteLength > budget) return;
    drop(key);
    held.set(key, rows);
    counts.bytes += rows.data.byteLength;
    for (const oldest of held.keys()) {
      if (counts.bytes <= budget) break;
      drop(oldest);
    }
  };
  return {
    get use() {
      return { ...counts, pictures: held.size };
    },
    async rows(key, encode, signal) {
      const known = held.get(key);
      if (known) {
        counts.hits++;
        keep(key, known); // moves it to the end of the queue
        return known;
      }
      counts[encoding.has(key) ? 'hits' : 'misses']++;
      const make = async (anybody: AbortSignal) => {
        const rows = await encode(anybody);
        keep(key, rows);
        return rows;
      };
      return encoding.share(key, make, signal);
    },
    get sizes() {
      return new Map([...held].map(([key, { data }]) => [key, data.byteLength]));
    },
    dropOldest(spared) {
      const oldest = [...held.keys()].find((key) => !spared.has(key));
      if (oldest !== undefined) drop(oldest);
      return oldest !== undefined;
    },
    clear() {
      held.clear();
      counts.bytes = 0;
    },
  };
}
