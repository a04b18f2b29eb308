import type { RowCache } from '../models/xcomposer/row-cache.ts';

/** Bytes of encoded pictures by their keys. */
export type PictureRows = ReadonlyMap<string, number>;

/** Pictures that are kept for whoever shows them again. */
export type KeptRows = Pick<RowCache, 'sizes' | 'dropOldest'>;

/** Encoded pictures that are kept, and those that somebody has been granted to encode. */
export class ClaimedRows {
  readonly #claimed = new Set<PictureRows>();

  constructor(readonly kept: KeptRows) {}

  /** Counts pictures until the result is disposed, whether they are kept or not. */
  claim(rows: PictureRows): Disposable {
    this.#claimed.add(rows);
    return { [Symbol.dispose]: () => void this.#claimed.delete(rows) };
  }

  /** What all pictures but these take, each counted once. */
  bytesBeside(own: PictureRows): number {
    return bytesOf(new Map([...this.kept.sizes, ...this.#others]), own);
  }

  /** The same without what nobody uses. */
  bytesInUseBeside(own: PictureRows): number {
    return bytesOf(this.#others, own);
  }

  /** Gives back the picture used longest ago that is neither one of these nor claimed. */
  dropOldest(own: PictureRows): boolean {
    return this.kept.dropOldest(new Set([...own.keys(), ...this.#others.keys()]));
  }

  get #others(): Map<string, number> {
    return new Map([...this.#claimed].flatMap((rows) => [...rows]));
  }
}

function bytesOf(rows: PictureRows, without: PictureRows): number {
  return [...rows].reduce((sum, [key, bytes]) => (without.has(key) ? sum : sum + bytes), 0);
}
