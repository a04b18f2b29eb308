import type { Tensor, Tensor2D } from '@tensorflow/tfjs';

/** A weight in the form its engine multiplies best; only `linear` can read it. */
export interface Matrix {
  /** As the checkpoint has it: [out, in]. */
  readonly shape: readonly [out: number, width: number];
  /** x [rows, in] → [rows, out]. */
  multiply(x: Tensor2D): Tensor;
  dispose(): void;
}

/** A table of rows in a form that only `embed` can read. */
export interface Table {
  readonly shape: readonly [rows: number, width: number];
  /** ids […] → […, width]. */
  pick(ids: Tensor): Tensor;
  dispose(): void;
}
