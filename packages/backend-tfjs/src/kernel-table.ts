import { type HostTensor, type KernelTable, UnsupportedError } from '@lingbi/core';
import type { Tensor } from '@tensorflow/tfjs';
import type { Engine } from './engines/engine.ts';
import { onEngine } from './engines/on-engine.ts';
import { kernelsFor } from './kernels/kernels.ts';
import { checkCache } from './memory/check-limits.ts';
import { isPast, isTensor, type Value } from './value.ts';
import type { WeightFormat } from './weights/format.ts';
import { loadWeight } from './weights/load-weight.ts';

/** Everything `kernelBackend` needs to run graphs on an engine. */
export function kernelTable(engine: Engine, weights: WeightFormat): KernelTable<Value> {
  const { tf, report } = engine;
  return {
    name: 'tfjs',
    device: report.device,
    kernels: kernelsFor(engine),
    // WebGPU gives no numbers out before it has to wait for them.
    kvFormats: engine.name === 'webgpu' ? ['float32'] : ['float32', 'int8'],
    upload: (tensor) => onEngine(engine, () => tf.keep(uploaded(tensor))),
    download,
    inspect: (value) => {
      const { shape, dtype } = value as Tensor;
      return { shape, dtype: dtype as HostTensor['dtype'] };
    },
    clone: (value) => {
      if (isPast(value)) return value.clone();
      return onEngine(engine, () => tf.keep(tf.clone(value as Tensor)));
    },
    dispose: (value) => value.dispose(),
    requireCacheMemory: (demand) => checkCache(engine, demand),
    loadWeight: (...weight) => loadWeight(engine, weights, ...weight),
  };

  /** Some engines keep the array they are given, so they get one of their own. */
  function uploaded({ dtype, shape, data }: HostTensor): Tensor {
    if (dtype === 'float32' || dtype === 'int32') {
      return tf.tensor(data.slice() as Float32Array | Int32Array, [...shape], dtype);
    }
    throw new UnsupportedError(
      `TensorFlow.js has no ${dtype} tensors: give the graph float32 or int32 inputs`,
    );
  }
}

/** The cpu engine hands out the array it computes with: the caller gets a copy. */
async function download(value: Value): Promise<HostTensor> {
  if (!isTensor(value)) throw new TypeError('Only tensors can be read');
  const data = await value.data();
  const { shape, dtype } = value;
  return { shape, dtype: dtype as 'float32' | 'int32', data: data.slice() as Float32Array };
}
