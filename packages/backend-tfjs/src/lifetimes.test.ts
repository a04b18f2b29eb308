import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  activate,
  conv2d,
  embed,
  linear,
  resizeGrid,
  topK,
  trace,
  type WeightSource,
} from '@lingbi/core';
import { int32, noiseWeights, randomFloats } from '@lingbi/core/testing';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, test } from 'vitest';
import { testedEngines } from './test-files/engines.ts';
import { decode, longDecoder, textRows } from './test-files/small-model.ts';
import { tfjs } from './tfjs.ts';

const graphs = {
  decode: longDecoder(),
  picture: trace('picture', { x: { shape: [3, 8, 8], dtype: 'float32' } }, ({ x }) => {
    const map = conv2d(x, { name: 'filter', shape: [4, 3, 2, 2] }, 2);
    return { ...topK(activate(resizeGrid(map, 6, 5), 'gelu'), 2), map };
  }),
  embed: trace('embed', { ids: { shape: ['tokens'], dtype: 'int32' } }, ({ ids }) => ({
    rows: embed(ids, { name: 'table', shape: [9, 4] }),
  })),
};
const weights = noiseWeights(Object.values(graphs).flatMap((graph) => graph.weights));

describe.each(testedEngines())('$name: lifetimes', (backend) => {
  test('nothing stays behind when a program is disposed', async () => {
    await backend.engine();
    const before = tf.memory().numTensors;
    {
      await using program = await backend.compile(graphs, weights);
      const cache = program.createCache({ capacity: 400, slots: 2 });
      for (let at = 0; at < 280; at += 40) {
        await decode(program, textRows('a', at, at + 40), { cache });
      }
      await cache.copy(0, 1);
      cache.truncate(20);
      await decode(program, textRows('a', 20, 22), { cache });
      const { values, indices, map } = await program.run('picture', {
        x: randomFloats('x', [3, 8, 8]),
      });
      for (const output of [values, indices, map]) output![Symbol.dispose]();
      const { rows } = await program.run('embed', { ids: int32([2], 3, 8) });
      rows![Symbol.dispose]();
    }
    expect(tf.memory().numTensors).toBe(before);
  });

  test('a run that fails or is aborted leaves no tensors behind', async () => {
    await using program = await backend.compile(graphs, weights);
    using cache = program.createCache({ capacity: 400 });
    await decode(program, textRows('a', 0, 4), { cache });
    const before = tf.memory().numTensors;
    const outside = { ids: int32([2], 3, 9) };
    await expect(program.run('embed', outside)).rejects.toThrow('There is no row 9');
    const signal = AbortSignal.abort();
    const run = program.run('decode', textRows('a', 4, 5), { cache, signal });
    await expect(run).rejects.toThrow('abort');
    expect(tf.memory().numTensors).toBe(before);
  });

  test('tokens of a filling cache do not pile tensors up', async () => {
    await using program = await backend.compile(graphs, weights);
    using cache = program.createCache({ capacity: 400 });
    await decode(program, textRows('a', 0, 130), { cache });
    await decode(program, textRows('a', 130, 131), { cache });
    const before = tf.memory().numTensors;
    for (let at = 131; at < 151; at++) {
      await decode(program, textRows('a', at, at + 1), { cache });
    }
    expect(tf.memory().numTensors).toBe(before);
  });

  test('the engine that was active stays active, and results are right', async () => {
    await tf.setBackend('cpu');
    await using program = await backend.compile(graphs, weights);
    const { rows } = await program.run('embed', { ids: int32([1], 3) });
    expect(tf.getBackend()).toBe('cpu');
    const wanted = new Float32Array((await weights.read('table')).slice().buffer, 3 * 4 * 4, 4);
    expect((await rows!.read()).data).toEqual(wanted);
    rows![Symbol.dispose]();
  });

  test('a scope that the caller has open does not take what the backend holds', async () => {
    const { engine } = await backend.engine();
    await tf.setBackend(engine);
    tf.engine().startScope();
    await using program = await backend.compile(graphs, weights);
    const { rows } = await program.run('embed', { ids: int32([1], 3) });
    tf.engine().endScope();
    expect((await rows!.read()).shape).toEqual([1, 4]);
    const { rows: again } = await program.run('embed', { ids: int32([1], 3) });
    for (const output of [rows, again]) output![Symbol.dispose]();
  });
});

test('JavaScript keeps no copy of weights that an engine holds in memory of its own', async () => {
  const shape = [4096, 1024];
  const big = trace('big', { x: { shape: ['rows', 1024], dtype: 'float32' } }, ({ x }) => ({
    y: linear(x, { name: 'big', shape }),
  }));
  const wasm = tfjs({ engine: 'wasm' });
  await wasm.engine();
  const before = await settledArrays();
  await using _ = await wasm.compile({ big }, noiseWeightsOnce(shape));
  expect((await settledArrays()) - before).toBeLessThan(4096 * 1024);
});

/** Numbers that are made when they are read, and kept by nobody. */
function noiseWeightsOnce(shape: readonly number[]): WeightSource {
  return {
    has: () => true,
    describe: () => ({ shape, encoding: { kind: 'dense', dtype: 'float32' } }),
    read: async () => new Uint8Array(4 * shape[0]! * shape[1]!),
  };
}

/** Bytes of arrays that are still reachable. */
async function settledArrays(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let i = 0; i < 3; i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return process.memoryUsage().arrayBuffers;
}
