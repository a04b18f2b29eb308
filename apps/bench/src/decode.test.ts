import { expect, test } from 'vitest';
import { medianOf, rowOf } from './bench.ts';
import { pairsOf } from './decode.ts';
import { besides } from './side-by-side.ts';

const rivals = { own: 'int4-128', llama: 'Q4_0', transformers: true } as const;

test('decode is compared with both peers where both take part', () => {
  const peersOf = (own: string) =>
    pairsOf(rivals).flatMap(([name, peer]) => (name === own ? [peer] : []));
  const both = ['llama.cpp Q4_0', 'transformers.js int4-128'];
  expect(peersOf('lingbi int4-128')).toEqual(both);
  expect(peersOf('lingbi int4-128 with float32 cache')).toEqual(both);
  expect(peersOf('lingbi int4-128 with int8 cache')).toEqual(['llama.cpp Q4_0']);
});

test('nothing is compared with transformers.js where it takes no part', () => {
  const pairs = pairsOf({ ...rivals, transformers: false });
  expect(new Set(pairs.map(([_, peer]) => peer))).toEqual(new Set(['llama.cpp Q4_0']));
});

test('a row has every peer that was measured beside it', () => {
  const rows = [
    rowOf('lingbi, decode', 'tokens/s', [30]),
    rowOf('one, decode', 'tokens/s', [20]),
    rowOf('other, decode', 'tokens/s', [10]),
    { figure: 'absent, decode', absent: 'it is not there' },
  ];
  const [ours, ...others] = ['one', 'other', 'absent'].reduce<ReturnType<typeof besides>>(
    (all, peer) => besides(all, 'lingbi', peer),
    rows,
  );
  const peers = [
    { name: 'one', median: 20 },
    { name: 'other', median: 10 },
  ];
  expect(ours).toEqual({ ...rows[0], peers });
  expect(others).toEqual(rows.slice(1));
});

test('a median of two lies halfway between them', () => {
  expect(medianOf([4, 2])).toBe(3);
  expect(medianOf([4, 2, 9])).toBe(4);
});
