import { describe, expect, test } from 'vitest';
import type { Shape, Tensor } from '../graph/graph.ts';
import { trace } from '../graph/trace.ts';
import * as ops from './index.ts';

/** The shape that an operation gives to inputs of these shapes. */
function shapeOf(shapes: readonly Shape[], build: (...x: Tensor[]) => Tensor): Shape {
  const specs = Object.fromEntries(
    shapes.map((shape, index) => [`x${index}`, { shape, dtype: 'float32' as const }]),
  );
  const graph = trace('t', specs, (inputs) => ({ y: build(...Object.values(inputs)) }));
  return graph.outputs['y']!.shape;
}

const weight = (name: string, ...shape: number[]) => ({ name, shape });
const cache = { layer: 0, kvHeads: 2, headDim: 16 };

describe('shapes', () => {
  test('linear maps the last axis and keeps the others', () => {
    expect(shapeOf([['tokens', 4]], (x) => ops.linear(x, weight('w', 8, 4)))).toEqual([
      'tokens',
      8,
    ]);
  });

  test('concat of named and known lengths has a name of its own', () => {
    const joined = shapeOf([['patches', 4]], (x) => ops.concat([weight('class', 1, 4), x], 0));
    expect(joined).toEqual(['1+patches', 4]);
  });

  test('conv2d slides without padding', () => {
    expect(shapeOf([[3, 560, 560]], (x) => ops.conv2d(x, weight('w', 9, 3, 14, 14), 14))).toEqual([
      9, 40, 40,
    ]);
  });

  test('attention returns the query heads', () => {
    const shapes = [
      ['tokens', 128],
      ['tokens', 8],
      ['tokens', 8],
    ];
    const build = (qkv: Tensor, cos: Tensor, sin: Tensor) =>
      ops.attention(qkv, { cos, sin }, { heads: 4, cache });
    expect(shapeOf(shapes, build as (...x: Tensor[]) => Tensor)).toEqual(['tokens', 64]);
  });

  test('lastToken keeps a row for each sequence', () => {
    expect(shapeOf([['tokens', 4]], ops.lastToken)).toEqual(['sequences', 4]);
  });
});

describe('errors name the operation, the weight and both shapes', () => {
  const cases: [string, () => unknown, string][] = [
    [
      'linear',
      () => shapeOf([['tokens', 6]], (x) => ops.linear(x, weight('mlp.down', 8, 4))),
      'linear: mlp.down maps 4 → 8 features, but its input is [tokens, 6]',
    ],
    [
      'linear bias',
      () => shapeOf([['tokens', 4]], (x) => ops.linear(x, weight('w', 8, 4), weight('w.bias', 4))),
      'linear: w makes 8 features, but w.bias is [4]',
    ],
    [
      'rmsNorm',
      () => shapeOf([['tokens', 6]], (x) => ops.rmsNorm(x, weight('norm', 4), 1e-5)),
      'rmsNorm: norm is [4], but its input is [tokens, 6]',
    ],
    [
      'add',
      () =>
        shapeOf(
          [
            [4, 6],
            [5, 6],
          ],
          (a, b) => ops.add(a!, b!),
        ),
      'add: [4, 6] and [5, 6] do not fit each other',
    ],
    [
      'swiglu',
      () =>
        shapeOf(
          [
            [4, 6],
            [4, 5],
          ],
          (a, b) => ops.swiglu(a!, b!),
        ),
      'swiglu: gate is [4, 6], but up is [4, 5]',
    ],
    [
      'attention heads',
      () =>
        shapeOf(
          [
            ['tokens', 112],
            ['tokens', 8],
            ['tokens', 8],
          ],
          (qkv, cos, sin) => ops.attention(qkv!, { cos: cos!, sin: sin! }, { heads: 3, cache }),
        ),
      '3 query heads cannot share 2 key/value heads evenly',
    ],
    [
      'attention width',
      () =>
        shapeOf(
          [
            ['tokens', 100],
            ['tokens', 8],
            ['tokens', 8],
          ],
          (qkv, cos, sin) => ops.attention(qkv!, { cos: cos!, sin: sin! }, { heads: 4, cache }),
        ),
      '4 + 2 · 2 heads of 16 need 128 features, but the input is [tokens, 100]',
    ],
    [
      'selfAttention',
      () =>
        shapeOf(
          [
            [5, 6],
            [5, 6],
            [4, 6],
          ],
          (q, k, v) => ops.selfAttention(q!, k!, v!, 2),
        ),
      'selfAttention: queries are [5, 6], but keys or values are [4, 6]',
    ],
    [
      'reshape',
      () => shapeOf([[4, 6]], (x) => ops.reshape(x, [5, 5])),
      'reshape: [4, 6] holds 24 numbers, [5, 5] wants 25',
    ],
    [
      'transpose',
      () => shapeOf([[4, 6]], (x) => ops.transpose(x, [0, 0])),
      'transpose: [0, 0] is no order of the axes of [4, 6]',
    ],
    [
      'slice',
      () => shapeOf([[4, 6]], (x) => ops.slice(x, 0, 2, 5)),
      'slice: 2…5 does not lie in axis 0 of [4, 6]',
    ],
    [
      'concat',
      () =>
        shapeOf(
          [
            [4, 6],
            [4, 5],
          ],
          (a, b) => ops.concat([a!, b!], 0),
        ),
      'concat: [4, 6] and [4, 5] differ beside axis 0',
    ],
    [
      'conv2d',
      () => shapeOf([[3, 8, 8]], (x) => ops.conv2d(x, weight('patches', 9, 4, 2, 2), 2)),
      'conv2d: patches is [9, 4, 2, 2], but its input is [3, 8, 8]',
    ],
    [
      'embed',
      () => shapeOf([['tokens']], (ids) => ops.embed(ids, weight('table', 9, 4))),
      'embed: row numbers must be int32, but they are float32',
    ],
    [
      'topK',
      () => shapeOf([[2, 4]], (x) => ops.topK(x, 5).values),
      'topK: there are no 5 largest of 4',
    ],
  ];

  test.each(cases)('%s', (_, build, message) => {
    expect(build).toThrow(message);
  });
});
