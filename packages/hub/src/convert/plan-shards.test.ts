import { expect, test } from 'vitest';
import { planShards } from './plan-shards.ts';

const weights = Array.from({ length: 5 }, (_, layer) => ({
  name: `layers.${layer}.mlp.down`,
  shape: [25, 2 ** 20],
  encoding: { kind: 'dense', dtype: 'float32' } as const, // 100 MiB
}));

test('files of 256 MiB at most are what an interrupted conversion may have to do again', () => {
  const names = planShards(weights).map((shard) => shard.weights.map(({ name }) => name));
  const [a, b, c, d, e] = weights.map(({ name }) => name);
  expect(names).toEqual([[a, b], [c, d], [e]]);
});

test('a weight that is larger has a file of its own', () => {
  expect(planShards(weights, 1000).map(({ weights: each }) => each.length)).toEqual([
    1, 1, 1, 1, 1,
  ]);
});
