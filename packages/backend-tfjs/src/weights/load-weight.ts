import { type OpName, readFloat32, toBfloat16, type Weight, type WeightSource } from '@lingbi/core';
import type { Engine } from '../engines/engine.ts';
import { onEngine } from '../engines/on-engine.ts';
import { checkRoom } from '../memory/check-limits.ts';
import type { Value } from '../value.ts';
import { type Bfloat16s, bfloat16Matrix, bfloat16Table } from './bfloat16.ts';
import { float32Matrix } from './float32-matrix.ts';
import { formatOf, type WeightFormat } from './format.ts';
import { int4Matrix } from './int4.ts';
import { int8Matrix } from './int8.ts';
import type { Matrix } from './matrix.ts';

/** Brings a parameter in, in the form its readers want. */
export async function loadWeight(
  engine: Engine,
  wanted: WeightFormat,
  weight: Weight,
  source: WeightSource,
  readers: ReadonlySet<OpName>,
  signal?: AbortSignal,
): Promise<Value> {
  const { tf } = engine;
  const { name, shape } = weight;
  checkRoom(engine, weight);
  if (isOnlyFor('linear', shape, readers)) {
    return loadMatrix(engine, formatOf(wanted, shape), name, shape, source, signal);
  }
  if (isOnlyFor('embed', shape, readers) && wanted !== 'float32') {
    return bfloat16Table(tf, await readBfloat16(source, name, signal), shape);
  }
  const data = await readFloat32(source, name, signal);
  return onEngine(engine, () => tf.keep(tf.tensor(data, [...shape], 'float32')));
}

async function loadMatrix(
  engine: Engine,
  format: WeightFormat,
  name: string,
  shape: Matrix['shape'],
  source: WeightSource,
  signal?: AbortSignal,
): Promise<Matrix> {
  const { tf } = engine;
  const floats = () => readFloat32(source, name, signal);
  switch (format) {
    case 'float32':
      return float32Matrix(engine, await floats(), shape);
    case 'bfloat16':
      return bfloat16Matrix(tf, await readBfloat16(source, name, signal), shape);
    case 'int8':
      return int8Matrix(tf, await floats(), shape);
    case 'int4':
      return int4Matrix(tf, await floats(), shape);
    default:
      throw format satisfies never;
  }
}

/** Checkpoints are mostly bfloat16 already: then the bytes go in as they are. */
async function readBfloat16(
  source: WeightSource,
  name: string,
  signal?: AbortSignal,
): Promise<Bfloat16s> {
  const { encoding } = source.describe(name);
  if (encoding.kind !== 'dense' || encoding.dtype !== 'bfloat16') {
    return toBfloat16(await readFloat32(source, name, signal));
  }
  const bytes = await source.read(name, 'values', signal);
  const aligned = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice();
  return new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 2);
}

function isOnlyFor(
  op: OpName,
  shape: readonly number[],
  readers: ReadonlySet<OpName>,
): shape is readonly [number, number] {
  return shape.length === 2 && readers.size === 1 && readers.has(op);
}
