/** A file of its own, and so a process: whoever reads past the end of an input ends it. */
import { describe, expect, test } from 'vitest';
import { missingKernels } from './kernels.ts';
import { GuardedMemory } from './test-tools/guarded-memory.ts';
import { type Operator, type OperatorInputs, runOperator } from './test-tools/run-operator.ts';

const missing = missingKernels();

/** Each input ends right before a page that nobody may touch. */
async function runGuarded(operator: Operator, inputs: OperatorInputs) {
  using memory = new GuardedMemory();
  return await runOperator(operator, inputs, (numbers) => memory.place(numbers));
}

describe.skipIf(missing)('kernels of ours read no further than weights in blocks go', () => {
  const kinds = [4, 8].flatMap((bits) =>
    [32, 64, 128].flatMap((block) =>
      (['float32', 'float16'] as const).map((type) => ({ bits, block, type })),
    ),
  );
  const sizes = [1, 5, 37].flatMap((out) =>
    [1, 3, 18].flatMap((blocks) => [1, 7, 26].map((rows) => ({ out, blocks, rows }))),
  );

  test.each(kinds)('of $bits bits, $block of them, with scales in $type', async (kind) => {
    const { bits, block, type } = kind;
    for (const { out, blocks, rows } of sizes) {
      const attributes = { in: blocks * block, out, bits, block };
      const x = { shape: [rows, blocks * block] };
      const values = { type: 'uint8', shape: [(out * blocks * block * bits) / 8] } as const;
      const scales = { type, shape: [out * blocks] };
      const zeros = { type: 'uint8', shape: [out * Math.ceil((blocks * bits) / 8)] } as const;
      const one = { x, values, scales, zeros, bias: { shape: [out] } };
      const two = { x, values, scales, zeros, values2: values, scales2: scales, zeros2: zeros };
      for (const [name, inputs] of [
        ['MultiplyBlocks', one],
        ['MultiplyGated', two],
      ] as const) {
        const operator = { name, attributes, outputs: { y: 2 } };
        await expect(runGuarded(operator, inputs)).resolves.toEqual([[rows, out]]);
      }
      const norm = { others: x, gamma: { shape: [blocks * block] } };
      for (const [name, inputs] of [
        ['MultiplyNormed', { ...one, ...norm }],
        ['MultiplyGatedNormed', { ...two, ...norm }],
      ] as const) {
        const all = { ...attributes, epsilon: { float: 1e-5 } };
        const operator = { name, attributes: all, outputs: { y: 2, sum: 2 } };
        await expect(runGuarded(operator, inputs)).resolves.toEqual([[rows, out], x.shape]);
      }
    }
  });
});

describe.skipIf(missing)('kernels of ours read no further than what they attend to goes', () => {
  interface Size {
    readonly headDim: number;
    readonly tokens: number;
    readonly past: number;
  }
  const sizes = [16, 48, 128].flatMap((headDim) =>
    [1, 2, 3, 21].flatMap((tokens) => [0, 1, 35, 1030].map((past) => ({ headDim, tokens, past }))),
  );

  /** Tokens of four heads of queries and two of keys, in any operator's order. */
  async function attend(
    operator: Omit<Operator, 'attributes'>,
    { headDim, tokens }: Size,
    toWhat: OperatorInputs,
  ): Promise<void> {
    const inputs: OperatorInputs = {
      rows: { shape: [tokens, 8 * headDim] },
      ...toWhat,
      cosines: { shape: [1, headDim / 2] },
      sines: { shape: [1, headDim / 2] },
      angles: { type: 'int64', shape: [1, tokens] },
    };
    const attributes = { heads: 4, scale: { float: 1 } };
    const [attended] = await runGuarded({ ...operator, attributes }, inputs);
    expect(attended).toEqual([tokens, 4 * headDim]);
  }
  const numbers = (shape: readonly number[]) => ({ keys: { shape }, values: { shape } });
  const halves = (shape: readonly number[]) =>
    ({ keys: { type: 'float16', shape }, values: { type: 'float16', shape } }) as const;
  const bytes = (shape: readonly number[]) =>
    ({ keys: { type: 'uint8', shape }, values: { type: 'int8', shape } }) as const;
  const last = (place: number) =>
    ({ type: 'int32', shape: [1], data: Int32Array.of(place) }) as const;

  test.each(sizes)('$past + $tokens tokens, heads of $headDim', async (size) => {
    const end = size.past + size.tokens;
    const over = { keys2: 'keys', values2: 'values' };
    const operator = { name: 'AttendToPast', outputs: { y: 2, keys2: 4, values2: 4 }, over };
    const cache = numbers([1, 2, end, size.headDim]);
    await attend(operator, size, { ...cache, last: last(end - 1) });
    const types = { keys2: 'float16', values2: 'float16' } as const;
    const half = { ...operator, name: 'AttendToHalfPast', types };
    const inHalves = halves([1, 2, end, size.headDim]);
    await attend(half, size, { ...inHalves, last: last(end - 1) });
  });

  test.each(sizes)('$past in int8 + $tokens tokens, heads of $headDim', async (size) => {
    const end = size.past + size.tokens;
    const outputs = { y: 2, keys2: 3, values2: 3, keySizes2: 3, valueSizes2: 3 };
    const types = { keys2: 'uint8', values2: 'int8' } as const;
    const sizes = { shape: [2, end, 1] };
    const cache = { ...bytes([2, end, size.headDim]), keySizes: sizes, valueSizes: sizes };
    const over = {
      ...{ keys2: 'keys', values2: 'values' },
      ...{ keySizes2: 'keySizes', valueSizes2: 'valueSizes' },
    };
    const operator = { name: 'AttendToRounded', outputs, types, over };
    await attend(operator, size, { ...cache, last: last(end - 1) });
  });

  test.each(sizes)('$past, a log + $tokens tokens, heads of $headDim', async (size) => {
    const { headDim, tokens, past } = size;
    const outputs = { y: 2, keys2: 3, values2: 3 };
    const shape = [2, past, headDim];
    const sizes = { shape: [2, past, 1] };
    const log = { shape: [2, 13, headDim] };
    const mask = { shape: [tokens, 1, past + 13 + tokens] };
    const more = { logKeys: log, logValues: log, mask };
    const plain = { ...numbers(shape), keySizes: undefined, valueSizes: undefined, ...more };
    await attend({ name: 'AttendToBranches', outputs }, size, plain);
    const half = { ...plain, ...halves(shape) };
    await attend({ name: 'AttendToHalfBranches', outputs }, size, half);
    const rounded = { ...bytes(shape), keySizes: sizes, valueSizes: sizes, ...more };
    await attend({ name: 'AttendToRoundedBranches', outputs }, size, rounded);
  });
});
