import { type Kernel, keptRows, RunError } from '@lingbi/core';
import type { Tensor, Tensor1D } from '@tensorflow/tfjs';
import type { Engine } from '../engines/engine.ts';
import { isTable, type Value } from '../value.ts';

export function embed(engine: Engine): Kernel<'embed', Value> {
  return ([ids], { table: which }, { weight }) => {
    const table = weight(which);
    if (!isTable(table)) return pickRows(engine, table as Tensor, ids as Tensor);
    checkRows(engine, ids as Tensor, table.shape[0]);
    return table.pick(ids as Tensor);
  };
}

export function takeRows(engine: Engine): Kernel<'takeRows', Tensor> {
  return ([x, indices]) => pickRows(engine, x!, indices!);
}

export function putRows(engine: Engine): Kernel<'putRows', Tensor> {
  return ([x, indices, values]) => {
    checkRows(engine, indices!, x!.shape[0]!);
    return engine.tf.tensorScatterUpdate(x!, engine.tf.expandDims(indices!, 1), values!);
  };
}

export function lastToken({ tf }: Engine): Kernel<'lastToken', Tensor> {
  return ([x], _, { segments }) => {
    const [rows, width] = x!.shape as [number, number];
    const kept = keptRows(segments);
    if (kept.length === 1) return tf.slice(x!, [rows - 1, 0], [1, width]);
    return tf.gather(x!, tf.tensor1d(kept, 'int32'));
  };
}

/** Every engine sorts stably: of equal numbers the first comes first. */
export function topK({ tf }: Engine): Kernel<'topK', Tensor> {
  return ([x], { k }) => {
    const { values, indices } = tf.topk(x!, k);
    return [values, indices];
  };
}

function pickRows(engine: Engine, table: Tensor, ids: Tensor): Tensor {
  checkRows(engine, ids, table.shape[0]!);
  return engine.tf.gather(table, ids as Tensor1D);
}

/**
 * The wasm engine would read beyond the table without a word. Row numbers are few and in reach on
 * every engine but webgpu, where reading them back would stall the device.
 */
function checkRows({ name }: Engine, indices: Tensor, rows: number): void {
  if (name === 'webgpu') return;
  const outside = (indices.dataSync() as Int32Array).find((row) => row < 0 || row >= rows);
  if (outside === undefined) return;
  throw new RunError(`There is no row ${outside}: the table has ${rows}`);
}
