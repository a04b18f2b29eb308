import { add, linear, referenceBackend, trace } from '@lingbi/core';
import { expectClose, noiseWeights, randomFloats } from '@lingbi/core/testing';
import { test } from 'vitest';
import { testedEngines } from '../test-files/engines.ts';

const w = { name: 'w', shape: [6, 6] } as const;
const inputs = { x: { shape: [6, 6], dtype: 'float32' } } as const;
const graphs = { shared: trace('shared', inputs, ({ x }) => ({ y: add(linear(x, w), w) })) };

test.each(testedEngines())(
  '$name: a matrix that another operation reads as well',
  async (backend) => {
    const weights = noiseWeights([w]);
    const given = { x: randomFloats('x', [6, 6]) };
    await using expected = await referenceBackend.compile(graphs, weights);
    await using found = await backend.compile(graphs, weights);
    const [wanted, made] = [await expected.run('shared', given), await found.run('shared', given)];
    expectClose(await made['y']!.read(), await wanted['y']!.read(), 1e-5, 'sum');
    made['y']![Symbol.dispose]();
  },
);
