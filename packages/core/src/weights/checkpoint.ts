import type { Manifest } from './converted/manifest.ts';
import type { FileRange, StoredDType } from './weight-source.ts';

/** What a checkpoint says of one tensor. */
export interface StoredTensor {
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
  /** Present when the numbers stand in one file exactly as `read` would return them. */
  readonly at?: FileRange;
}

/**
 * The tensors of a checkpoint as its files hold them. Knows nothing of models: which tensors there
 * should be, and what they mean, is the business of a weight map. Disposing it closes its files.
 */
export interface Checkpoint extends AsyncDisposable {
  readonly names: readonly string[];
  /** Paths of the files that hold them. */
  readonly files: readonly string[];
  /** Present when the tensors are our own weights, as a conversion wrote them: see `convertedWeights`. */
  readonly manifest?: Manifest;
  has(name: string): boolean;
  /** @throws CheckpointError when there is no such tensor or its number format is not supported. */
  describe(name: string): StoredTensor;
  /**
   * The numbers, row-major and little-endian, in an array that is the caller's; no copy is kept.
   *
   * @throws CheckpointError as `describe`, and when a file became shorter than it was.
   */
  read(name: string, signal?: AbortSignal): Promise<Uint8Array>;
}
