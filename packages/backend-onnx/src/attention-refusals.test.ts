import { describe, expect, test } from 'vitest';
import { missingKernels } from './kernels.ts';
import {
  type Operator,
  type OperatorInput,
  type OperatorInputs,
  runOperator,
} from './test-tools/run-operator.ts';

const missing = missingKernels();

type Wrong = Readonly<Record<string, Partial<OperatorInput>>>;

/** Runs an operator on inputs of which some are wrong. Returns the shapes of what comes out. */
function runWith(
  operator: Omit<Operator, 'attributes'>,
  inputs: OperatorInputs,
  wrong: Wrong,
  heads = 4,
) {
  const given = Object.entries(inputs).map(([name, input]) => {
    return [name, input && { ...input, ...wrong[name] }] as const;
  });
  const attributes = { heads, scale: { float: 1 } };
  return runOperator({ ...operator, attributes }, Object.fromEntries(given));
}

describe.skipIf(missing).each(['AttendToPast', 'AttendToHalfPast'])('%s refuses', (name) => {
  const isHalf = name === 'AttendToHalfPast';
  const type = isHalf ? 'float16' : 'float32';
  const outputs = { y: 2, keys2: 4, values2: 4 };
  const operator = { name, outputs, types: { keys2: type, values2: type } } as const;
  /** Two sequences of three tokens, with two heads of keys. */
  const inputs = {
    rows: { shape: [6, 8 * 16] },
    keys: { type, shape: [2, 2, 9, 16] },
    values: { type, shape: [2, 2, 9, 16] },
    lastPositions: { type: 'int32', shape: [2], data: Int32Array.of(2, 8) },
    cosines: { shape: [10, 8] },
    sines: { shape: [10, 8] },
    angles: { type: 'int64', shape: [2, 3], data: BigInt64Array.of(0n, 1n, 2n, 9n, 4n, 5n) },
  } as const satisfies Record<string, OperatorInput>;
  const run = (wrong: Wrong, heads = 4) => runWith(operator, inputs, wrong, heads);

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
      isHalf
        ? 'there are 1024 bytes of values, but there have to be 1152'
        : 'there are 2048 bytes of values, but there have to be 2304',
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

describe.skipIf(missing)('attention to a past in int8 refuses', () => {
  const operator = {
    name: 'AttendToRounded',
    outputs: { y: 2, keys2: 3, values2: 3, keySizes2: 3, valueSizes2: 3 },
    types: { keys2: 'uint8', values2: 'int8' },
  } as const;
  /** Three tokens, with two heads of keys. */
  const inputs = {
    rows: { shape: [3, 8 * 16] },
    keys: { type: 'uint8', shape: [2, 9, 16] },
    values: { type: 'int8', shape: [2, 9, 16] },
    keySizes: { shape: [2, 9, 1] },
    valueSizes: { shape: [2, 9, 1] },
    last: { type: 'int32', shape: [1], data: Int32Array.of(8) },
    cosines: { shape: [10, 8] },
    sines: { shape: [10, 8] },
    angles: { type: 'int64', shape: [1, 3], data: BigInt64Array.of(9n, 0n, 2n) },
  } as const satisfies OperatorInputs;
  const run = (wrong: Wrong, heads = 4) => runWith(operator, inputs, wrong, heads);

  test.each<[string, Wrong, string]>([
    ['rows', { rows: { shape: [2, 128] } }, '1024 bytes of rows, but there have to be 1536'],
    ['features', { rows: { shape: [3, 127] } }, '1524 bytes of rows'],
    ['axes of keys', { keys: { shape: [18, 16] } }, '2 axes of keys, but there have to be 3'],
    ['axes of worths', { keySizes: { shape: [2, 9] } }, '2 axes of worths, but there have to be 3'],
    ['axes of angles', { angles: { shape: [3] } }, '1 axes of angles, but there have to be 2'],
    ['sequences', { angles: { shape: [3, 1] } }, '3 sequences of tokens, but there have to be 1'],
    ['values', { values: { shape: [2, 8, 16] } }, '256 bytes of values, but there have to be 288'],
    ['worths of keys', { keySizes: { shape: [2, 8, 1] } }, '64 bytes of worths of keys, but'],
    [
      'worths of values',
      { valueSizes: { shape: [2, 10, 1] } },
      '80 bytes of worths of values, but',
    ],
    ['places', { last: { shape: [2], data: Int32Array.of(8, 8) } }, '2 last positions, but'],
    ['cosines', { cosines: { shape: [10, 4] } }, '160 bytes of cosines, but there have to be 320'],
    ['sines', { sines: { shape: [9, 8] } }, '288 bytes of sines, but there have to be 320'],
  ])('%s of another length', async (_, wrong, message) => {
    await expect(run(wrong)).rejects.toThrow(`there are ${message}`);
  });

  test.each([-1n, 10n, 2n ** 40n])('angles of row %i, where there are 10', async (row) => {
    const angles = { data: BigInt64Array.of(0n, row, 2n) };
    await expect(run({ angles })).rejects.toThrow(
      `a token has the angles of row ${row}, but there are 10 rows`,
    );
  });

  test.each([9, 2 ** 31 - 1, 1, -1])('3 tokens that end at position %i of 9', async (last) => {
    await expect(run({ last: { data: Int32Array.of(last) } })).rejects.toThrow(
      `3 tokens cannot end at position ${last} of a cache for 9`,
    );
  });

  test.each([0, -2, 3])('%i heads over two of keys', async (heads) => {
    await expect(run({}, heads)).rejects.toThrow(
      `${heads} heads of 16 numbers, which share 2 heads`,
    );
  });

  test.each([8, 24, 272])('heads of %i numbers', async (headDim) => {
    const rows = { shape: [2, 9, headDim] };
    await expect(run({ keys: rows, values: rows })).rejects.toThrow(
      `4 heads of ${headDim} numbers`,
    );
  });

  test('nothing else', async () => {
    const present = [
      [2, 9, 16],
      [2, 9, 16],
      [2, 9, 1],
      [2, 9, 1],
    ];
    await expect(run({})).resolves.toEqual([[3, 64], ...present]);
    const flat = { values: { shape: [18, 16] }, valueSizes: { shape: [18] } };
    await expect(run(flat)).resolves.toEqual([[3, 64], ...present]);
    const none = {
      rows: { shape: [0, 128] },
      angles: { shape: [1, 0], data: new BigInt64Array(0) },
    };
    await expect(run(none)).resolves.toEqual([[0, 64], ...present]);
  });
});

describe
  .skipIf(missing)
  .each(['AttendToBranches', 'AttendToHalfBranches', 'AttendToRoundedBranches'])(
  '%s refuses',
  (name) => {
    const isRounded = name === 'AttendToRoundedBranches';
    const isHalf = name === 'AttendToHalfBranches';
    const number = isHalf ? 'float16' : 'float32';
    const operator = { name, outputs: { y: 2, keys2: 3, values2: 3 } };
    const sizes = isRounded ? { shape: [2, 5, 1] } : undefined;
    /** Three tokens after a log of seven and five that are shared, with two heads of keys. */
    const inputs: OperatorInputs = {
      rows: { shape: [3, 8 * 16] },
      keys: { type: isRounded ? 'uint8' : number, shape: [2, 5, 16] },
      values: { type: isRounded ? 'int8' : number, shape: [2, 5, 16] },
      keySizes: sizes,
      valueSizes: sizes,
      logKeys: { shape: [2, 7, 16] },
      logValues: { shape: [2, 7, 16] },
      mask: { shape: [3, 1, 15] },
      cosines: { shape: [10, 8] },
      sines: { shape: [10, 8] },
      angles: { type: 'int64', shape: [1, 3], data: BigInt64Array.of(9n, 0n, 2n) },
    };
    const run = (wrong: Wrong, heads = 4) => runWith(operator, inputs, wrong, heads);
    const bytes = (rows: number) => rows * 16 * (isRounded ? 1 : isHalf ? 2 : 4);

    test.each<[string, Wrong, string]>([
      ['rows', { rows: { shape: [2, 128] } }, '1024 bytes of rows, but there have to be 1536'],
      ['axes of keys', { keys: { shape: [10, 16] } }, '2 axes of keys, but there have to be 3'],
      [
        'axes of a log',
        { logKeys: { shape: [14, 16] } },
        "2 axes of a log's keys, but there have to be 3",
      ],
      ['axes of angles', { angles: { shape: [3] } }, '1 axes of angles, but there have to be 2'],
      ['sequences', { angles: { shape: [3, 1] } }, '3 sequences of tokens, but there have to be 1'],
      [
        'values',
        { values: { shape: [2, 4, 16] } },
        `${bytes(8)} bytes of values, but there have to be ${bytes(10)}`,
      ],
      [
        'keys of a log',
        { logKeys: { shape: [1, 7, 16] } },
        "448 bytes of a log's keys, but there have to be 896",
      ],
      [
        'values of a log',
        { logValues: { shape: [2, 6, 16] } },
        "768 bytes of a log's values, but there have to be 896",
      ],
      ['a mask', { mask: { shape: [3, 1, 14] } }, '168 bytes of a mask, but there have to be 180'],
      [
        'cosines',
        { cosines: { shape: [10, 4] } },
        '160 bytes of cosines, but there have to be 320',
      ],
      ['sines', { sines: { shape: [9, 8] } }, '288 bytes of sines, but there have to be 320'],
    ])('%s of another length', async (_, wrong, message) => {
      await expect(run(wrong)).rejects.toThrow(`there are ${message}`);
    });

    test.skipIf(isRounded)('keys in bytes, which it does not know', async () => {
      const sizes = { shape: [2, 5, 1] };
      const rounded = { ...inputs, keySizes: sizes, valueSizes: sizes };
      await expect(runWith(operator, rounded, {}, 4)).rejects.toThrow(
        `there are ${bytes(10)} bytes of keys, but there have to be 160`,
      );
    });

    test.runIf(isRounded)('worths of another length', async () => {
      const wrong = { shape: [2, 4, 1] };
      await expect(run({ keySizes: wrong })).rejects.toThrow('32 bytes of worths of keys, but');
      await expect(run({ valueSizes: wrong })).rejects.toThrow('32 bytes of worths of values, but');
    });

    test.each([-1n, 10n, 2n ** 40n])('angles of row %i, where there are 10', async (row) => {
      const angles = { data: BigInt64Array.of(0n, row, 2n) };
      await expect(run({ angles })).rejects.toThrow(
        `a token has the angles of row ${row}, but there are 10 rows`,
      );
    });

    test.each([0, -2, 3])('%i heads over two of keys', async (heads) => {
      await expect(run({}, heads)).rejects.toThrow(
        `${heads} heads of 16 numbers, which share 2 heads`,
      );
    });

    test.each([8, 24, 272])('heads of %i numbers', async (headDim) => {
      const rows = { shape: [2, 5, headDim] };
      await expect(run({ keys: rows, values: rows })).rejects.toThrow(
        `4 heads of ${headDim} numbers`,
      );
    });

    test('nothing else', async () => {
      await expect(run({})).resolves.toEqual([
        [3, 64],
        [2, 3, 16],
        [2, 3, 16],
      ]);
      const none = {
        rows: { shape: [0, 128] },
        mask: { shape: [0, 1, 12] },
        angles: { shape: [1, 0], data: new BigInt64Array(0) },
      };
      await expect(run(none)).resolves.toEqual([
        [0, 64],
        [2, 0, 16],
        [2, 0, 16],
      ]);
    });
  },
);
