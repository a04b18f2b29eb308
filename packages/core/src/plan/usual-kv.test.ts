import { expect, test } from 'vitest';
import { plainMemory } from '../backend/plain-memory.ts';
import { trace } from '../graph/trace.ts';
import { linear } from '../ops/index.ts';
import type { Encoding } from '../weights/weight-source.ts';
import { usualKv } from './usual-kv.ts';

const matrix = { name: 'w', shape: [32, 32] };
const rows = { x: { shape: ['tokens', 32], dtype: 'float32' } } as const;
const decoder = trace('decode', rows, ({ x }) => ({ y: linear(x, matrix) }));
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
  expect(usualKv(decoder, weights, memory)).toBe(kv);
});
