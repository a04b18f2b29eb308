import { describe, expect, test } from 'vitest';
import { missingKernels } from './kernels.ts';
import { type OperatorInput, runOperator } from './test-tools/run-operator.ts';

const missing = missingKernels();

describe.skipIf(missing)('attention to a past refuses', () => {
  const attributes = { heads: 4, scale: { float: 1 } };
  const operator = { name: 'AttendToPast', attributes, outputs: { y: 2, keys2: 4, values2: 4 } };
  /** Two sequences of three tokens, with two heads of keys. */
  const inputs = {
    rows: { shape: [6, 8 * 16] },
    keys: { shape: [2, 2, 9, 16] },
    values: { shape: [2, 2, 9, 16] },
    lastPositions: { type: 'int32', shape: [2], data: Int32Array.of(2, 8) },
    cosines: { shape: [10, 8] },
    sines: { shape: [10, 8] },
    angles: { type: 'int64', shape: [2, 3], data: BigInt64Array.of(0n, 1n, 2n, 9n, 4n, 5n) },
  } as const satisfies Record<string, OperatorInput>;
  const run = (wrong: Record<string, Partial<OperatorInput>>, heads = 4) => {
    const given = Object.entries(inputs).map(([name, input]) => {
      return [name, { ...input, ...wrong[name] }] as const;
    });
    const own = { ...operator, attributes: { ...attributes, heads } };
    return runOperator(own, Object.fromEntries(given));
  };

  test.each([
    [
      'rows',
      { rows: { shape: [5, 128] } },
      'there are 2560 bytes of rows, but there have to be 3072',
    ],
    ['features', { rows: { shape: [6, 64] } }, 'there are 1536 bytes of rows'],
    [
      'keys',
      { keys: { shape: [1, 2, 9, 16] } },
      'there are 1 sequences of keys, but there have to be 2',
    ],
    ['axes', { keys: { shape: [4, 9, 16] } }, 'there are 3 axes of keys, but there have to be 4'],
    [
      'values',
      { values: { shape: [2, 2, 8, 16] } },
      'there are 2048 bytes of values, but there have to be 2304',
    ],
    [
      'places',
      { lastPositions: { shape: [1], data: Int32Array.of(2) } },
      'there are 1 last positions, but there have to be 2',
    ],
    [
      'cosines',
      { cosines: { shape: [10, 4] } },
      'there are 160 bytes of cosines, but there have to be 320',
    ],
    [
      'sines',
      { sines: { shape: [9, 8] } },
      'there are 288 bytes of sines, but there have to be 320',
    ],
    [
      'angles',
      { angles: { shape: [6], data: new BigInt64Array(6) } },
      'there are 1 axes of angles, but there have to be 2',
    ],
  ])('%s of another length', async (_, wrong, message) => {
    await expect(run(wrong)).rejects.toThrow(message);
  });

  test.each([-1n, 10n, 2n ** 40n])('angles of row %i, where there are 10', async (row) => {
    const angles = { data: BigInt64Array.of(0n, 1n, 2n, 3n, 4n, row) };
    await expect(run({ angles })).rejects.toThrow(
      `a token has the angles of row ${row}, but there are 10 rows`,
    );
  });

  test.each([9, 2 ** 31 - 1, 1, -1])('3 tokens that end at position %i of 9', async (last) => {
    const lastPositions = { data: Int32Array.of(2, last) };
    await expect(run({ lastPositions })).rejects.toThrow(
      `3 tokens cannot end at position ${last} of a cache for 9`,
    );
  });

  test.each([0, -2, 3])('%i heads over two of keys', async (heads) => {
    await expect(run({}, heads)).rejects.toThrow(
      `${heads} heads of 16 numbers, which share 2 heads of keys, are none it knows`,
    );
  });

  test.each([8, 24, 272])('heads of %i numbers', async (headDim) => {
    const cache = { shape: [2, 2, 9, headDim] };
    await expect(run({ keys: cache, values: cache })).rejects.toThrow(
      `4 heads of ${headDim} numbers`,
    );
  });

  test('nothing else', async () => {
    const cache = [2, 2, 9, 16];
    await expect(run({})).resolves.toEqual([[6, 64], cache, cache]);
    const none = {
      rows: { shape: [0, 128] },
      angles: { shape: [2, 0], data: new BigInt64Array(0) },
    };
    await expect(run(none)).resolves.toEqual([[0, 64], cache, cache]);
  });
});
