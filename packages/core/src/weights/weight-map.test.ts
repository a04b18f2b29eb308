import { expect, test } from 'vitest';
import type { Checkpoint, StoredTensor } from './checkpoint.ts';
import { MissingWeightError, WeightMapError } from './errors.ts';
import { memoryWeights } from './memory-weights.ts';
import { readFloat32 } from './read-float32.ts';
import { checkpointWeights, type WeightExpression } from './weight-map.ts';

interface TestCheckpoint extends Checkpoint {
  readonly reads: string[];
}

/** float32 tensors, and one of int8 named `bytes`. */
function checkpointOf(
  tensors: Record<string, { shape: number[]; data: number[] }>,
): TestCheckpoint {
  const reads: string[] = [];
  const stored = (name: string): StoredTensor => ({
    dtype: name === 'bytes' ? 'int8' : 'float32',
    shape: tensors[name]!.shape,
    at: { file: `${name}.bin`, offset: 0, length: 4 },
  });
  return {
    reads,
    names: Object.keys(tensors),
    files: [],
    has: (name) => name in tensors,
    describe: stored,
    read: async (name) => {
      reads.push(name);
      const { data } = tensors[name]!;
      return name === 'bytes'
        ? Uint8Array.from(data)
        : new Uint8Array(Float32Array.from(data).buffer);
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

const checkpoint = () =>
  checkpointOf({
    a: { shape: [2, 2], data: [1, 2, 3, 4] },
    b: { shape: [1, 2], data: [5, 6] },
    c: { shape: [2, 1], data: [7, 8] },
    bytes: { shape: [1, 2], data: [9, 10] },
    row: { shape: [1, 1, 2], data: [1, 2] },
  });

async function evaluate(expression: WeightExpression, from: Checkpoint = checkpoint()) {
  const weights = checkpointWeights(from, { w: expression });
  return { ...weights.describe('w'), values: [...(await readFloat32(weights, 'w'))] };
}

test('a plain reference, reshaped or not, tells where its bytes stand', async () => {
  const at = { values: { file: 'row.bin', offset: 0, length: 4 } };
  expect(await evaluate({ from: 'row' })).toMatchObject({ shape: [1, 1, 2], at, values: [1, 2] });
  const reshaped = await evaluate({ reshape: { from: 'row' }, shape: [2] });
  expect(reshaped).toEqual({
    shape: [2],
    at,
    encoding: { kind: 'dense', dtype: 'float32' },
    values: [1, 2],
  });
});

test('rows are stacked one under the other, columns side by side', async () => {
  const rows = await evaluate({ stackRows: [{ from: 'a' }, { from: 'b' }] });
  expect(rows).toMatchObject({ shape: [3, 2], values: [1, 2, 3, 4, 5, 6] });
  expect(rows.at).toBeUndefined();
  const columns = await evaluate({ stackColumns: [{ from: 'a' }, { from: 'c' }] });
  expect(columns).toMatchObject({ shape: [2, 3], values: [1, 2, 7, 3, 4, 8] });
});

test('parts of different number formats make float32', async () => {
  const rows = await evaluate({ stackRows: [{ from: 'bytes' }, { from: 'b' }] });
  expect(rows).toMatchObject({ encoding: { dtype: 'float32' }, values: [9, 10, 5, 6] });
});

test('query, key and value heads are regrouped from groups to kinds', async () => {
  // Two groups of two queries, a key and a value, each of two rows. Tens: the group; ones: the row.
  const data = [10, 11, 12, 13, 14, 15, 16, 17, 20, 21, 22, 23, 24, 25, 26, 27];
  const heads = { kvHeads: 2, queriesPerGroup: 2, headDim: 2 };
  const packed = checkpointOf({ wqkv: { shape: [16, 1], data } });
  const { values } = await evaluate({ regroupHeads: { from: 'wqkv' }, ...heads }, packed);
  expect(values).toEqual([10, 11, 12, 13, 20, 21, 22, 23, 14, 15, 24, 25, 16, 17, 26, 27]);
});

test('expressions nest, and each tensor is read once', async () => {
  const from = checkpoint();
  const twice: WeightExpression = { stackRows: [{ from: 'a' }, { from: 'a' }] };
  const row: WeightExpression = { reshape: { from: 'row' }, shape: [1, 2] };
  const { values } = await evaluate({ stackRows: [twice, row] }, from);
  expect(values).toEqual([1, 2, 3, 4, 1, 2, 3, 4, 1, 2]);
  expect(from.reads).toEqual(['a', 'row']);
});

test.each<[WeightExpression, string]>([
  [{ stackRows: [{ from: 'a' }, { from: 'c' }] }, 'Cannot stack the rows of [2,2], [2,1]'],
  [{ stackColumns: [{ from: 'a' }, { from: 'b' }] }, 'Cannot put side by side [2,2], [1,2]'],
  [{ stackRows: [] }, 'Cannot stack the rows of nothing'],
  [{ reshape: { from: 'a' }, shape: [3] }, 'Cannot reshape [2,2] to [3]'],
  [{ regroupHeads: { from: 'a' }, kvHeads: 2, queriesPerGroup: 2, headDim: 2 }, 'take 16 rows'],
])('shapes that do not fit are an error before anything is read', async (expression, message) => {
  const from = checkpoint();
  const weights = checkpointWeights(from, { w: expression });
  expect(() => weights.describe('w')).toThrow(WeightMapError);
  await expect(weights.read('w')).rejects.toThrow(message);
  expect(from.reads).toEqual([]);
});

test('a missing weight is named as the model and as the checkpoint call it, with names that are alike', () => {
  const from = checkpointOf({
    'layers.1.attention.wo.weight': { shape: [1], data: [1] },
    'vision.weight': { shape: [1], data: [1] },
  });
  const weights = checkpointWeights(from, {
    'layers.0.out': { from: 'layers.0.attention.wo.weight' },
  });
  expect(weights.has('layers.0.out')).toBe(false);
  expect(() => weights.describe('layers.0.out')).toThrow(
    expect.objectContaining({
      name: 'MissingWeightError',
      weight: 'layers.0.out',
      checkpointName: 'layers.0.attention.wo.weight',
      nearMisses: ['layers.1.attention.wo.weight'],
      message: expect.stringMatching(
        /Similar names do exist: .*\. Give a checkpoint of .*pull it again$/,
      ),
    }),
  );
  expect(() => weights.describe('layers.0.outt')).toThrow('Similar names do exist: "layers.0.out"');
  expect(weights.has('toString')).toBe(false);
});

test('weights in memory are described and read like any other', async () => {
  const weights = memoryWeights(new Map([['w', { shape: [1, 2], data: Float32Array.of(1, 2) }]]));
  expect(weights.describe('w')).toEqual({
    shape: [1, 2],
    encoding: { kind: 'dense', dtype: 'float32' },
  });
  expect(await readFloat32(weights, 'w')).toEqual(Float32Array.of(1, 2));
  expect(() => weights.describe('v')).toThrow(MissingWeightError);
  await expect(weights.read('w', 'scales')).rejects.toThrow('no scales');
});

test('an array that does not fit its shape is refused', () => {
  const weight = { shape: [3], data: Float32Array.of(1, 2) };
  expect(() => memoryWeights(new Map([['w', weight]]))).toThrow(
    'w has 2 numbers for the shape [3]',
  );
});
