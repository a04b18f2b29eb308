import type { Tensor2D } from '@tensorflow/tfjs';

/** A weight in the form its engine multiplies best; only `linear` can read it. */
export interface Matrix {
  /** As the checkpoint has it: [out, in]. */
  readonly shape: readonly [out: number, width: number];
  /** x [rows, in] → [rows, out]. */
  multiply(x: Tensor2D): Tensor2D;
  dispose(): void;
}
