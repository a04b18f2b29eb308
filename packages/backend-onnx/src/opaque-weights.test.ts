import { add, embed, linear, rmsNorm, trace } from '@lingbi/core';
import { expect, test } from 'vitest';
import { findOpaqueWeights } from './opaque-weights.ts';

const w = { name: 'w', shape: [4, 4] } as const;
const other = { name: 'other', shape: [4, 4] } as const;
const gain = { name: 'gain', shape: [4] } as const;
const x = { shape: ['rows', 4], dtype: 'float32' } as const;

test('matrices and tables are opaque; gains and biases are not', () => {
  const ids = { shape: ['rows'], dtype: 'int32' } as const;
  const graph = trace('g', { ids }, ({ ids }) => ({
    y: linear(rmsNorm(embed(ids, w), gain, 1e-5), other, { name: 'bias', shape: [4] }),
  }));
  expect([...findOpaqueWeights(graph)]).toEqual(['w', 'other']);
});

test('a matrix that is also added as numbers is not', () => {
  const square = { shape: [4, 4], dtype: 'float32' } as const;
  const graph = trace('g', { x: square }, ({ x }) => ({ y: add(linear(x, w), w) }));
  expect([...findOpaqueWeights(graph)]).toEqual([]);
});

test('a matrix that multiplies another weight is not: the product may be folded', () => {
  const graph = trace('g', { x }, ({ x }) => ({ y: linear(x, w) }));
  const constant = { id: 90, shape: [4, 4], dtype: 'float32' } as const;
  const product = { id: 91, shape: [4, 4], dtype: 'float32' } as const;
  const folded = {
    ...graph,
    nodes: [
      ...graph.nodes,
      { op: 'parameter', inputs: [], outputs: [constant], attributes: { weight: gain }, scope: '' },
      {
        op: 'linear',
        inputs: [constant],
        outputs: [product],
        attributes: { weight: other },
        scope: '',
      },
    ],
  } as const;
  expect([...findOpaqueWeights(folded)]).toEqual(['w']);
});
