/** Where the bytes of a parameter stand. */
export interface FileRange {
  readonly file: string;
  /** In bytes from the start of the file. */
  readonly offset: number;
  /** In bytes. */
  readonly length: number;
}

/** Number formats that checkpoints store. */
export type StoredDType = 'float32' | 'float16' | 'bfloat16' | 'int64' | 'int32' | 'uint8' | 'int8';

/** How a stored parameter is encoded: plain numbers, or blocks of 4 or 8 bits with a scale each. */
export type Encoding =
  | { readonly kind: 'dense'; readonly dtype: StoredDType }
  | { readonly kind: 'blocks'; readonly bits: 4 | 8; readonly blockSize: number };

export interface WeightDescription {
  readonly shape: readonly number[];
  readonly encoding: Encoding;
  /** Present when the bytes stand in one file exactly as `read` would return them. */
  readonly at?: FileRange;
}

/** Which bytes of a block-encoded weight; a dense one has only `values`. */
export type WeightPart = 'values' | 'scales' | 'zeroPoints';

/**
 * Where parameters come from. Knows nothing of graphs or devices. `has` and `describe` never read;
 * `read` reads the bytes of one parameter, little-endian, row-major, and keeps no copy of them.
 */
export interface WeightSource {
  has(name: string): boolean;
  /** @throws MissingWeightError */
  describe(name: string): WeightDescription;
  read(name: string, part?: WeightPart, signal?: AbortSignal): Promise<Uint8Array>;
}
