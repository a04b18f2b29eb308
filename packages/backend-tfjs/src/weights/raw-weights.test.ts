import { type Backend, embed, type HostTensor, linear, trace } from '@lingbi/core';
import { int32, noiseWeights, randomFloats, relativeError } from '@lingbi/core/testing';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, test } from 'vitest';
import { rawBinding } from '../engines/raw-binding.ts';
import { builtBinding } from '../test-files/built-binding.ts';
import { tfjs } from '../tfjs.ts';
import { int4Matrix } from './int4.ts';

const binding = builtBinding();

const graphs = {
  map: trace('map', { x: { shape: ['rows', 512], dtype: 'float32' } }, ({ x }) => ({
    y: linear(x, { name: 'w', shape: [96, 512] }, { name: 'b', shape: [96] }),
  })),
  embed: trace('embed', { ids: { shape: ['tokens'], dtype: 'int32' } }, ({ ids }) => ({
    y: embed(ids, { name: 'table', shape: [9, 64] }),
  })),
};
const weights = noiseWeights(Object.values(graphs).flatMap((graph) => graph.weights));

async function run(backend: Backend, graph: 'map' | 'embed', rows = 3): Promise<HostTensor> {
  await using program = await backend.compile(graphs, weights);
  const inputs =
    graph === 'map' ? { x: randomFloats('x', [rows, 512]) } : { ids: int32([3], 8, 0, 5) };
  const { y } = await program.run(graph, inputs);
  using output = y!;
  return await output.read();
}

describe.skipIf(binding === undefined)('weights below float32', () => {
  const native = (format: 'float32' | 'bfloat16' | 'int8' | 'int4') =>
    tfjs({ engine: 'tensorflow', weights: format, ...(binding && { binding }) });

  // Relative to the largest result. bfloat16 rounds to 8 bits; int8 adds half of 1/127 of a row's
  // largest number to each weight; int4 half of 1/7 of a block's.
  test.each([
    ['bfloat16', 1e-2],
    ['int8', 1.5e-2],
    ['int4', 1e-1],
  ] as const)('%s stays within %f of float32', async (format, tolerance) => {
    const wanted = await run(native('float32'), 'map');
    for (const rows of [1, 3]) {
      const found = await run(native(format), 'map', rows);
      const error = relativeError(found.data, wanted.data.subarray(0, rows * 96));
      expect(error).toBeLessThan(tolerance);
      expect(error).toBeGreaterThan(0);
    }
  });

  test('int4 takes many rows in parts that change nothing', async () => {
    await native('int4').engine();
    await tf.setBackend('tensorflow');
    const data = randomFloats('w', [8, 256]).data as Float32Array;
    const x = tf.tensor2d(randomFloats('x', [5, 256]).data as Float32Array, [5, 256]);
    const [whole, inParts] = [undefined, 2 * 2 * 8 * 4].map((sumBytes) =>
      int4Matrix(tf, data, [8, 256], sumBytes).multiply(x),
    );
    expect(relativeError(await inParts!.data(), await whole!.data())).toBeLessThan(1e-2);
  });

  test('tables are bfloat16 in every format but float32', async () => {
    const wanted = await run(native('float32'), 'embed');
    const found = await run(native('int4'), 'embed');
    expect(relativeError(found.data, wanted.data)).toBeLessThan(2 ** -8);
  });

  test.each(['bfloat16', 'int8', 'int4'] as const)('%s leaves no tensor behind', async (format) => {
    await run(native(format), 'map');
    const before = [tf.memory().numTensors, rawBinding(tf).getNumOfTensors()];
    await run(native(format), 'map');
    await run(native(format), 'embed');
    expect([tf.memory().numTensors, rawBinding(tf).getNumOfTensors()]).toEqual(before);
  });
});
