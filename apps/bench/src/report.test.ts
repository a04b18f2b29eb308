import { expect, test } from 'vitest';
import { rowOf } from './bench.ts';
import { drawPlot } from './plot.ts';
import { markdownTable, plainRows } from './report.ts';

test('a table says how bad the worst run was, and what could not be measured', () => {
  const rate = rowOf('ours, decode', 'tokens/s', [30, 40, 20], { name: 'theirs', median: 15 });
  const time = rowOf('ours, load', 's', [1, 2, 4]);
  const table = markdownTable([rate, time, { figure: 'other, decode', absent: 'it ended' }]);
  expect(table.split('\n').slice(2)).toEqual([
    '| ours, decode | 30.0 tokens/s | 20.0–40.0 | 0.67 | 15.0 tokens/s (theirs) | 2.00 |',
    '| ours, load | 2.00 s | 1.00–4.00 | 0.50 |  |  |',
    '| other, decode | not measured: it ended |  |  |  |  |',
  ]);
});

test('each peer has its own line and ratio, in a table and in plain data', () => {
  const ours = {
    ...rowOf('ours, decode', 'tokens/s', [28, 30]),
    peers: [
      { name: 'one', median: 20 },
      { name: 'other', median: 8 },
    ],
    note: '80 %',
  };
  expect(markdownTable([ours]).split('\n').slice(2)).toEqual([
    '| ours, decode | 29.0 tokens/s | 28.0–30.0 | 0.97 | 20.0 tokens/s (one) | 1.45 | 80 % |',
    '| ours, decode | 29.0 tokens/s | 28.0–30.0 | 0.97 | 8.00 tokens/s (other) | 3.63 |  |',
  ]);
  expect(plainRows([ours])).toMatchObject([
    {
      peers: [
        { name: 'one', ratio: 1.45 },
        { name: 'other', ratio: 3.625 },
      ],
    },
  ]);
});

test('a plot has a line for each series and no mark-up of names', () => {
  const point = (series: string, x: number, y: number) => ({
    ...rowOf('f', 'ms', [y]),
    point: { series, x, y },
  });
  const rows = [point('a<b', 0, 1), point('a<b', 10, 2), point('c', 10, 4)];
  const svg = drawPlot('title', { x: 'tokens', y: 'ms' }, rows);
  expect(svg.match(/<polyline/g)).toHaveLength(2);
  expect(svg).toContain('points="60.0,285.0 660.0,210.0"');
  expect(svg).toContain('a&lt;b');
});
