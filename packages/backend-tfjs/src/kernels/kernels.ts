import type { Kernel, KernelName, Kernels, OpName } from '@lingbi/core';
import type { Engine } from '../engines/engine.ts';
import { onEngine } from '../engines/on-engine.ts';
import { checkBuffer } from '../memory/check-limits.ts';
import { isTensor, type Value } from '../value.ts';
import { attention, selfAttention } from './attention.ts';
import { activate, add, multiply, scale, swiglu } from './elementwise.ts';
import { conv2d, resizeGrid } from './images.ts';
import { concat, reshape, slice, transpose } from './layout.ts';
import { linear } from './linear.ts';
import { layerNorm, rmsNorm } from './norms.ts';
import { embed, lastToken, putRows, takeRows, topK } from './rows.ts';

const makers = {
  activate,
  add,
  attention,
  concat,
  conv2d,
  embed,
  lastToken,
  layerNorm,
  linear,
  multiply,
  putRows,
  reshape,
  resizeGrid,
  rmsNorm,
  scale,
  selfAttention,
  slice,
  swiglu,
  takeRows,
  topK,
  transpose,
};

type AnyKernel = Kernel<OpName, Value>;
type Results = Value | readonly Value[];

/** A kernel for every operation. What a kernel makes on its way is disposed when it returns. */
export function kernelsFor(engine: Engine): Kernels<Value> {
  const entries = Object.entries(makers).map(([op, make]) => {
    const kernel = make(engine) as AnyKernel; // ranks and dtypes were checked when the graph was traced
    return [op, tidied(engine, op, kernel)] as const;
  });
  return Object.fromEntries(entries) as Record<KernelName, AnyKernel>;
}

/** Results are kept: they outlive any scope that the caller's own code may have open. */
function tidied(engine: Engine, op: string, kernel: AnyKernel): AnyKernel {
  const { tf } = engine;
  const keep = (result: Value) => {
    if (!isTensor(result)) return;
    if (engine.name === 'webgpu') checkBuffer('webgpu', `The result of ${op}`, result.shape);
    tf.keep(result);
  };
  return (operands, attributes, context) =>
    onEngine(engine, () => {
      const results = tf.tidy(() => kernel(operands, attributes, context) as never) as Results;
      for (const result of [results].flat()) keep(result);
      return results;
    });
}
