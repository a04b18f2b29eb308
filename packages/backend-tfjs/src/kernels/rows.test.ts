import { putRows, takeRows, topK, trace } from '@lingbi/core';
import { int32, randomFloats } from '@lingbi/core/testing';
import { describe, expect, test } from 'vitest';
import { testedEngines } from '../test-files/engines.ts';

const x = { shape: ['rows', 6], dtype: 'float32' } as const;
const indices = { shape: ['picks'], dtype: 'int32' } as const;
const graphs = {
  topK: trace('topK', { x }, ({ x }) => ({ ...topK(x, 4) })),
  take: trace('take', { x, indices }, ({ x, indices }) => ({ y: takeRows(x, indices) })),
  put: trace('put', { x, indices }, ({ x, indices }) => ({
    y: putRows(x, indices, takeRows(x, indices)),
  })),
};
const none = { has: () => false, describe: () => never(), read: () => never() };

function never(): never {
  throw new Error('These graphs have no weights');
}

describe.each(testedEngines())('$name: rows', (backend) => {
  test('of equal numbers topK takes the first, in their order', async () => {
    await using program = await backend.compile(graphs, none);
    const data = Float32Array.of(1, 3, 3, 1, 3, 0, 5, 5, 5, 5, 5, 5);
    const input = { dtype: 'float32', shape: [2, 6], data } as const;
    const { values, indices } = await program.run('topK', { x: input });
    expect([...(await values!.read()).data]).toEqual([3, 3, 3, 1, 5, 5, 5, 5]);
    expect([...(await indices!.read()).data]).toEqual([1, 2, 4, 0, 0, 1, 2, 3]);
    for (const output of [values, indices]) output![Symbol.dispose]();
  });

  test('a row that is not there is an error, not whatever stands in memory', async () => {
    await using program = await backend.compile(graphs, none);
    const input = randomFloats('x', [3, 6]);
    for (const graph of ['take', 'put'] as const) {
      for (const row of [-1, 3]) {
        const run = program.run(graph, { x: input, indices: int32([2], 0, row) });
        await expect(run).rejects.toThrow(`There is no row ${row}: the table has 3`);
      }
    }
  });
});
