import type { OpName } from '@lingbi/core';
import type { LowerOp } from '../lowering.ts';
import { attention, selfAttention } from './attention.ts';
import { activate, add, multiply, scale, swiglu } from './elementwise.ts';
import { conv2d, resizeGrid } from './images.ts';
import { concat, reshape, slice, transpose } from './layout.ts';
import { linear } from './linear.ts';
import { layerNorm, rmsNorm } from './norms.ts';
import { embed, lastToken, parameter, putRows, takeRows, topK } from './rows.ts';

/** What each operation becomes in ONNX. */
export const lowerings: { readonly [Op in OpName]: LowerOp<Op> } = {
  parameter,
  embed,
  linear,
  rmsNorm,
  layerNorm,
  attention,
  selfAttention,
  swiglu,
  activate,
  add,
  multiply,
  scale,
  conv2d,
  reshape,
  transpose,
  concat,
  slice,
  takeRows,
  putRows,
  resizeGrid,
  lastToken,
  topK,
};
