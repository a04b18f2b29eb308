import { type OpName, readFloat32, type Weight, type WeightSource } from '@lingbi/core';
import type { Engine } from '../engines/engine.ts';
import { onEngine } from '../engines/on-engine.ts';
import type { Value } from '../value.ts';
import { float32Matrix } from './float32-matrix.ts';

/** Brings a parameter in, in the form its readers want. */
export async function loadWeight(
  engine: Engine,
  { name, shape }: Weight,
  source: WeightSource,
  readers: ReadonlySet<OpName>,
  signal?: AbortSignal,
): Promise<Value> {
  const data = await readFloat32(source, name, signal);
  if (isMatrixOf('linear', shape, readers)) return float32Matrix(engine, data, shape);
  return onEngine(engine, () => engine.tf.keep(engine.tf.tensor(data, [...shape], 'float32')));
}

function isMatrixOf(
  op: OpName,
  shape: readonly number[],
  readers: ReadonlySet<OpName>,
): shape is readonly [number, number] {
  return shape.length === 2 && readers.size === 1 && readers.has(op);
}
