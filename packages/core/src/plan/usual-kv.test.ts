import { expect, test } from 'vitest';
import { plainMemory } from '../backend/plain-memory.ts';
import { trace } from '../graph/trace.ts';
import { attention, linear } from '../ops/index.ts';
import type { Encoding } from '../weights/weight-source.ts';
import { usualKv } from './usual-kv.ts';

const matrix = { name: 'w', shape: [48, 16] };
const inputs = {
  x: { shape: ['tokens', 16], dtype: 'float32' },
  cos: { shape: ['tokens', 8], dtype: 'float32' },
  sin: { shape: ['tokens', 8], dtype: 'float32' },
} as const;
const cache = { layer: 0, kvHeads: 1, headDim: 16 };
const decoder = trace('decode', inputs, ({ x, cos, sin }) => ({
  y: attention(linear(x, matrix), { cos, sin }, { heads: 1, cache }),
}));
const tower = trace('tower', { x: inputs.x }, ({ x }) => ({ y: linear(x, matrix) }));
const blocks: Encoding = {
  kind: 'blocks',
  bits: 4,
  blockSize: 32,
  scales: 'float16',
  zeroPoints: false,
};
const keeps = { ...plainMemory, keepsHalves: () => true };

test.each([
  ['rounded weights where the backend can', blocks, keeps, 'float16'],
  ['rounded weights where the backend cannot', blocks, plainMemory, 'float32'],
  [
    'rounded weights where it cannot for this model',
    blocks,
    { ...keeps, keepsHalves: () => false },
    'float32',
  ],
  ['weights as they are', { kind: 'dense', dtype: 'float16' }, keeps, 'float32'],
] as const)('beside %s', (_, encoding, memory, kv) => {
  const weights = { describe: () => ({ shape: matrix.shape, encoding }) };
  expect(usualKv([tower, decoder], weights, memory)).toBe(kv);
  expect(usualKv([tower], weights, memory)).toBe('float32');
});
