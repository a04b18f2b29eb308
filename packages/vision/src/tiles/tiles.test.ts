import { describe, expect, test } from 'vitest';
import { presets } from '../layout/presets.ts';
import { readPicture } from '../read-picture.ts';
import { createResizer } from '../resize/resizer.ts';
import { fixtureJson, fixturePath, noise, noisePicture, sha256 } from '../test-support.ts';
import { normalTables } from './normalize.ts';
import { planeRows } from './plane-rows.ts';
import { squeeze } from './squeeze.ts';
import { tileCanvas, tilePicture } from './tile-picture.ts';
import { tileTensor } from './tile-tensor.ts';

type RecordedCanvas = [width: number, height: number, sha256: string];

interface RecordedPictures {
  canvas: Record<
    string,
    Record<'chat' | 'finetune' | 'gradioSeveralPictures' | 'square490', RecordedCanvas>
  >;
  globalView: Record<
    string,
    { tokens: number; firstRow: number[]; row280every20th: number[]; means: number[] }
  >;
}

interface RecordedBicubic {
  cases: {
    name: string;
    input: [number, number];
    output: [number, number];
    inputValues: string;
    outputValues: string;
  }[];
}

const recorded = fixtureJson<RecordedPictures>('pictures/expected.json');
const bicubic = fixtureJson<RecordedBicubic>('vision/bicubic.json');
const resizer = createResizer();
const plane = 560 * 560;

describe.each(Object.keys(recorded.canvas))('the canvas of %s', (name) => {
  test.each(['chat', 'finetune', 'gradioSeveralPictures', 'square490'] as const)(
    'has the recorded bytes under presets.%s',
    async (preset) => {
      const picture = await readPicture(fixturePath(`pictures/${name}`));
      const { canvas } = tilePicture(picture, presets[preset], { resizer });
      expect([canvas.width, canvas.height, sha256(canvas.data)]).toEqual(
        recorded.canvas[name]![preset],
      );
    },
  );
});

describe.each(Object.keys(recorded.globalView))('the global view of %s', (name) => {
  test('is the recorded one within 2e-6', async () => {
    const expected = recorded.globalView[name]!;
    const picture = await readPicture(fixturePath(`pictures/${name}`));
    const tiled = tilePicture(picture, presets.chat, { resizer });
    const view = tiled.globalView();
    expect(tiled.plan.tokens).toBe(expected.tokens);
    for (let channel = 0; channel < 3; channel++) {
      const values = view.subarray(channel * plane, (channel + 1) * plane);
      const row280 = values.subarray(280 * 560, 281 * 560).filter((_, x) => x % 20 === 0);
      const mean = values.reduce((sum, value) => sum + value, 0) / plane;
      expectClose(values.subarray(0, 64), expected.firstRow.slice(channel * 64, channel * 64 + 64));
      expectClose(row280, expected.row280every20th.slice(channel * 28, channel * 28 + 28));
      expectClose([mean], [expected.means[channel]!]);
    }
  });
});

test.each(bicubic.cases)('squeezes the $name canvas as torch does', (entry) => {
  const [width, height] = entry.input;
  const input = floats(entry.inputValues);
  const three = Float32Array.from({ length: input.length * 3 }, (_, i) => input[i % input.length]!);
  const size = { width: entry.output[0], height: entry.output[1] };
  const output = squeeze(planeRows({ width, height }, three), size);
  const expected = floats(entry.outputValues);
  for (let channel = 0; channel < 3; channel++) {
    expectClose(
      output.subarray(channel * expected.length, (channel + 1) * expected.length),
      expected,
    );
  }
});

// Spec PREPROCESS §5.
test.each([
  [
    [0, 1, 0, 0, 2, 4],
    [0.59375, -0.28125, 3.1875],
  ],
  [
    [1, 2],
    [0.88975, 1.082, 1.5, 1.918, 2.11025],
  ],
])('squeezes the row %j to %j', (row, expected) => {
  const rows = planeRows(
    { width: row.length, height: 1 },
    Float32Array.from([...row, ...row, ...row]),
  );
  const view = squeeze(rows, { width: expected.length, height: 1 });
  expectClose(view.subarray(0, expected.length), expected);
});

test('white is normalised like any colour', () => {
  // Spec PREPROCESS §5.
  expectClose(
    normalTables().map((table) => table[255]!),
    [1.930336, 2.074884, 2.145897],
  );
});

describe('a tiled picture', () => {
  const canvas = noisePicture({ width: 84, height: 56 });
  const tiled = tileCanvas(canvas, 28);

  test('cuts its canvas row by row, channels apart', () => {
    expect(tiled.grid).toEqual({ rows: 2, columns: 3 });
    const tile = tiled.tile(1, 2);
    const [x, y, channel] = [5, 9, 1];
    const byte = canvas.data[((28 + y) * 84 + 56 + x) * 3 + channel]!;
    expect(tile).toHaveLength(3 * 28 * 28);
    expect(tile[channel * 28 * 28 + y * 28 + x]).toBe(normalTables()[channel]![byte]);
  });

  test.each([
    [2, 0],
    [0, 3],
    [-1, 0],
    [0.5, 0],
  ])('has no tile (%d, %d)', (row, column) => {
    expect(() => tiled.tile(row, column)).toThrow('the grid has 2 rows and 3 columns');
  });

  test('of one tile has that tile for its global view', () => {
    const one = tileCanvas(noisePicture({ width: 28, height: 28 }), 28);
    expect(one.globalView()).toEqual(one.tile(0, 0));
  });

  test('has a key that changes with the pixels and with the tile, and with nothing else', () => {
    const other = { ...canvas, data: canvas.data.slice() };
    expect(tileCanvas(other, 28).key).toBe(tiled.key);
    expect(tileCanvas(canvas, 14).key).not.toBe(tiled.key);
    other.data[17]! ^= 1;
    expect(tileCanvas(other, 28).key).not.toBe(tiled.key);
    expect(tiled.key).toMatch(/^[0-9a-f]{64}$/);
  });

  test('needs a canvas of whole tiles', () => {
    expect(() => tileCanvas(canvas, 56)).toThrow(
      'cutting 84 × 56 pixels into tiles of 56: both sides must be multiples of the tile',
    );
  });
});

describe('a transformed picture', () => {
  const shape = [1, 3, 28, 56];
  const data = Float32Array.from(noise(3 * 28 * 56));

  test('is tiled as it is', () => {
    const tiled = tileTensor({ shape, data }, 28);
    expect(tiled.grid).toEqual({ rows: 1, columns: 2 });
    expect(tiled.tile(0, 1)[28 + 3]).toBe(data[56 + 28 + 3]);
    expect(tiled.globalView()).toHaveLength(3 * 28 * 28);
  });

  test('has the tiles and the view of the canvas it was made from', () => {
    const canvas = noisePicture({ width: 56, height: 28 });
    const fromBytes = tileCanvas(canvas, 28);
    const tables = normalTables();
    const values = Float32Array.from({ length: data.length }, (_, i) => {
      const channel = Math.floor(i / (28 * 56));
      return tables[channel]![canvas.data[(i % (28 * 56)) * 3 + channel]!]!;
    });
    const fromValues = tileTensor({ shape, data: values }, 28);
    expect(fromValues.tile(0, 1)).toEqual(fromBytes.tile(0, 1));
    expect(fromValues.globalView()).toEqual(fromBytes.globalView());
  });

  test.each([
    [[3, 28, 56], 'it should be [1, 3, height, width]'],
    [[1, 4, 28, 56], 'it should be [1, 3, height, width]'],
    [[1, 3, 28, 60], 'both sides must be multiples of the tile'],
    [[1, 3, 56, 56], 'it should hold 9408 values, but has 4704'],
  ])('of shape %j is refused', (wrong, problem) => {
    expect(() => tileTensor({ shape: wrong, data }, 28)).toThrow(problem);
  });
});

function floats(base64: string): Float32Array {
  const bytes = Uint8Array.from(Buffer.from(base64, 'base64'));
  return new Float32Array(bytes.buffer);
}

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  expect(actual).toHaveLength(expected.length);
  const worst = Math.max(...Array.from(expected, (value, i) => Math.abs(value - actual[i]!)));
  expect(worst).toBeLessThanOrEqual(2e-6);
}
