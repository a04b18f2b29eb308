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

/** Plain numbers. */
export interface DenseEncoding {
  readonly kind: 'dense';
  readonly dtype: StoredDType;
}

/**
 * A matrix [out, in] whose rows are cut into blocks, laid out as MatMulNBits of ONNX Runtime reads
 * them. A number is (q − zero point) · scale of its block.
 *
 * - `values` uint8 [out, blocks, blockSize · bits / 8]: of 4 bits the lower half of a byte comes first.
 *   A last block that is only partly used is filled with zero points.
 * - `scales` float32 or float16 [out, blocks]
 * - `zeroPoints` uint8 [out, ⌈blocks · bits / 8⌉], packed as the values are; without them every zero
 *   point is 2^(bits − 1)
 */
export interface BlockEncoding {
  readonly kind: 'blocks';
  readonly bits: 4 | 8;
  /** Numbers that share a scale: a power of two, 16 at least. */
  readonly blockSize: number;
  readonly zeroPoints: boolean;
  /** Number format of the scales. Absent: float32. */
  readonly scales?: 'float16';
}

/**
 * A matrix [out, in] with one scale for each row, stored transposed as kernels that round activations
 * to int8 want it. A number is q · scale of its output.
 *
 * - `values` int8 [in, out], −127 … 127
 * - `scales` float32 [out]
 */
export interface ChannelEncoding {
  readonly kind: 'channels';
}

/** How a stored parameter is encoded. `partsOf` says which arrays that makes. */
export type Encoding = DenseEncoding | BlockEncoding | ChannelEncoding;

/** Which array of an encoded weight; a dense one has only `values`. */
export type WeightPart = 'values' | 'scales' | 'zeroPoints';

export interface WeightDescription {
  readonly shape: readonly number[];
  readonly encoding: Encoding;
  /** For each part whose bytes stand in one file exactly as `read` would return them: where. */
  readonly at?: Readonly<Partial<Record<WeightPart, FileRange>>>;
}

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
