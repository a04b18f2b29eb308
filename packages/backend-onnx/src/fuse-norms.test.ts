import { add, linear, referenceBackend, rmsNorm, trace } from '@lingbi/core';
import { expectClose, noiseWeights, randomFloats } from '@lingbi/core/testing';
import { expect, test } from 'vitest';
import { onnx } from './backend.ts';
import { findFusedNorms } from './fuse-norms.ts';

const gain = { name: 'gain', shape: [8] } as const;
/** Named as the backend names its own tensors, which must not confuse them. */
const t3 = { name: 't3', shape: [8, 8] } as const;
const rows = { shape: ['rows', 8], dtype: 'float32' } as const;

test('a sum that is normed stays a result for its other readers', async () => {
  const graph = trace('sum', { a: rows, b: rows }, ({ a, b }) => {
    const sum = add(a, b);
    return { sum, y: linear(rmsNorm(sum, gain, 1e-5), t3) };
  });
  expect(findFusedNorms(graph).size).toBe(1);
  const weights = noiseWeights([gain, t3]);
  const inputs = { a: randomFloats('a', [3, 8]), b: randomFloats('b', [3, 8]) };
  await using program = await onnx({ threads: 1 }).compile({ graph }, weights);
  await using reference = await referenceBackend.compile({ graph }, weights);
  const [found, wanted] = [
    await program.run('graph', inputs),
    await reference.run('graph', inputs),
  ];
  for (const key of ['sum', 'y']) {
    expectClose(await found[key]!.read(), await wanted[key]!.read(), 1e-5, key);
  }
});

test('a sum that repeats a shorter operand is left alone', () => {
  const row = { shape: [8], dtype: 'float32' } as const;
  const graph = trace('sum', { a: rows, b: row }, ({ a, b }) => ({
    y: rmsNorm(add(a, b), gain, 1e-5),
  }));
  expect(findFusedNorms(graph).size).toBe(0);
});
