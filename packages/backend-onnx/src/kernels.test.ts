import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { HostTensor, Program } from '@lingbi/core';
import { expectClose, randomFloats } from '@lingbi/core/testing';
import fc from 'fast-check';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { manifestOf, readManifest } from '../scripts/build-kernels.ts';
import type { OnnxApi } from './api.ts';
import { onnx } from './backend.ts';
import { KernelsInUseError } from './errors.ts';
import { allowAmx, createKernels, missingKernels, usesAmx } from './kernels.ts';
import { loadRuntime } from './library.ts';
import type { Attributes, ElementType } from './model-writer.ts';
import { type LargePagesOption, settle } from './options.ts';
import {
  type BlockMatrix,
  type BlockMatrixKind,
  productGraph,
  randomBlocks,
  sourceOf,
} from './test-tools/block-product.ts';
import { type OperatorInput, runOperator } from './test-tools/run-operator.ts';
import { compareExactly, compile, multiply } from './test-tools/run-product.ts';
import { inFile } from './test-tools/weights-in-file.ts';

const setting = '/sys/kernel/mm/transparent_hugepage/enabled';
const folder = mkdtempSync(path.join(tmpdir(), 'lingbi-kernels-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('the libraries are made of these sources: npx tsx packages/backend-onnx/scripts/build-kernels.ts', () => {
  expect(readManifest()).toEqual(manifestOf());
});

test('what is missing is named: the file, or what the processor lacks', () => {
  const features = (words: string) => [`processor : 0\nflags : fpu ${words}\nbugs : spectre_v1`];
  const all = 'avx512f avx512bw avx512dq avx512vl avx512_vnni';
  const file = import.meta.filename;
  expect(missingKernels(file, features(all))).toBeUndefined();
  expect(missingKernels(file, features('avx512f avx512bw avx512dq'))).toBe(
    'the processor lacks avx512vl, avx512_vnni',
  );
  expect(missingKernels(file, [])).toContain('lacks avx512f');
  const absent = path.join(folder, 'linux-sparc.so');
  expect(missingKernels(absent, features(all))).toBe(`there is no ${absent}`);
});

describe('onnx({ kernels })', () => {
  test('takes ours where they are and may round activations, or those that were asked for', () => {
    expect(settle({}, undefined).ownKernels).toBe(!missingKernels());
    expect(settle({}, 'there are none').ownKernels).toBe(false);
    expect(settle({ kernels: 'onnxruntime' }).ownKernels).toBe(false);
    expect(settle({ accuracyLevel: 1 }).ownKernels).toBe(false);
    expect(settle({ provider: 'webgpu' }).ownKernels).toBe(false);
  });

  test('says why it cannot be what was asked for', () => {
    const ask = (options: object, missing?: string) => () =>
      settle({ kernels: 'lingbi', ...options }, missing);
    expect(ask({}, 'the processor lacks avx512f')).toThrow(
      "kernels cannot be 'lingbi' here, for the processor lacks avx512f. Leave the option out",
    );
    expect(ask({ accuracyLevel: 1 })).toThrow('as accuracyLevel 4 does, not 1');
    expect(ask({ provider: 'cuda' })).toThrow('on the provider cpu, not on cuda');
    expect(ask({ kernels: 'ours' })).toThrow(
      'kernels must be lingbi or onnxruntime, but it is "ours"',
    );
  });
});

test('onnx({ largePages }) moves weights only for kernels of ours, and says so', () => {
  expect(settle({ kernels: 'onnxruntime' }).largePages).toBe('meanwhile');
  const first = () => settle({ kernels: 'onnxruntime', largePages: 'first' });
  expect(first).toThrow("largePages cannot be 'first', for it moves weights that kernels of ours");
  const unknown = () => settle({ largePages: 'later' as 'first' });
  expect(unknown).toThrow('largePages must be meanwhile, first, never, but it is "later"');
});

const missing = missingKernels();
test.runIf(missing)('kernels of ours are untested here', ({ skip }) => skip(missing));

const library = () => loadRuntime().kernels().library;
const usedFromTheFirst = !missing && usesAmx(library());
const hasAmx = !missing && allowAmx(library(), true);
test.runIf(!hasAmx)('products with AMX are untested here', ({ skip }) => skip('there is none'));
afterEach(() => void (hasAmx && allowAmx(library(), true)));

test.runIf(!missing)('AMX is used where processor and system have it', () => {
  expect(usedFromTheFirst).toBe(hasAmx);
  if (hasAmx) allowAmx(library(), false);
  expect(usesAmx(library())).toBe(false);
});

const kinds = [4, 8].flatMap((bits) =>
  [32, 64, 128].flatMap((blockSize) => [
    { what: 'float32', bits, blockSize },
    { what: 'float16', bits, blockSize, scales: 'float16' as const },
  ]),
) as (BlockMatrixKind & { readonly what: string })[];

describe.skipIf(missing)('products with weights in blocks', () => {
  describe.each(kinds)('of $blockSize numbers of $bits bits, scales in $what', (kind) => {
    const matrixOf = (more: Partial<BlockMatrixKind>) =>
      randomBlocks('w', {
        ...{ ...kind, out: 37, width: 5 * kind.blockSize, zeroPoints: true, hasBias: true },
        ...more,
      });

    test.each([
      { zeroPoints: false, hasBias: false },
      { zeroPoints: false, hasBias: true },
      { zeroPoints: true, hasBias: false },
      { zeroPoints: true, hasBias: true },
    ])('are exact but for the rounding of rows to int8: %o', async (more) => {
      const matrix = matrixOf(more);
      await using program = await compile(matrix);
      for (const rows of [1, 2, 3, 4, 5, 6, 7, 12, 13, 24, 25, 40]) {
        await expectExact(program, matrix, randomFloats(`${rows}`, [rows, matrix.width]));
      }
    });

    test('of a wide matrix are exact too, which is worked through in panels and pieces', async () => {
      const matrix = matrixOf({ out: 1051, width: 2048 + kind.blockSize });
      await using program = await compile(matrix, 1, 2);
      for (const rows of [2, 26]) {
        await expectExact(program, matrix, randomFloats(`${rows}`, [rows, matrix.width]));
      }
    });

    test('of few rows are exact with a large matrix too, whose pieces are worked through in stretches', async () => {
      const width = 4096 + kind.blockSize;
      const out = Math.round((5 * 2 ** 20) / (width * (kind.bits / 8)));
      const matrix = matrixOf({ out, width });
      await using program = await compile(matrix, 1, 2);
      for (const rows of [1, 2]) {
        await expectExact(program, matrix, randomFloats(`${rows}`, [rows, width]));
      }
    });

    test.each([
      ['narrow', 5 * kind.blockSize, 24],
      ['wide', 8192 + 17 * kind.blockSize, 11],
    ])('are for few rows those of each row by itself, to the bit: %s', async (_, width, count) => {
      const matrix = matrixOf({ width });
      await using program = await compile(matrix);
      const rows = randomFloats('rows', [count, width]);
      const together = await multiply(program, rows);
      for (let row = 0; row < count; row++) {
        const alone = await multiply(program, rowOf(rows, row));
        expect(alone.data).toEqual(rowOf(together, row).data);
      }
      for (let some = 2; some < 7; some++) {
        const first = { ...rows, shape: [some, width], data: rows.data.slice(0, some * width) };
        const { data } = await multiply(program, first);
        expect(data).toEqual(together.data.subarray(0, some * matrix.out));
      }
    });

    test('of few rows are exact over many blocks and any rest of them, for as few columns as one', async () => {
      for (const [at, blocks] of [1, 2, 4, 8, 9, 12, 15, 16, 31, 65].entries()) {
        const out = [1, 2, 3, 5, 8][at % 5]!;
        const matrix = matrixOf({ out, width: blocks * kind.blockSize, zeroPoints: at % 2 === 0 });
        await using program = await compile(matrix);
        for (const rows of [1, 2, 3, 4, 5, 6, 9]) {
          await expectExact(program, matrix, randomFloats(`${rows}`, [rows, matrix.width]));
        }
      }
    });

    test('of more rows than sums are kept for are exact too', async () => {
      const matrix = matrixOf({ out: 33, width: 9 * kind.blockSize });
      await using program = await compile(matrix);
      await expectExact(program, matrix, randomFloats('many', [1057, matrix.width]));
    });

    test('of many long rows are exact too, which come by for two tiles at a time', async () => {
      const matrix = matrixOf({ out: 107, width: 4096 + 3 * kind.blockSize });
      await using program = await compile(matrix);
      for (const isAmx of hasAmx ? [true, false] : [false]) {
        allowAmx(library(), isAmx);
        await expectExact(program, matrix, randomFloats('long', [33, matrix.width]));
      }
    });

    test.skipIf(!hasAmx)('of many rows have the same bits with AMX as without it', async () => {
      const matrix = matrixOf({ out: 70, width: 4096 + 5 * kind.blockSize });
      await using program = await compile(matrix);
      for (const rows of [25, 32, 33, 47, 48, 49, 64, 531]) {
        const x = randomFloats(`${rows}`, [rows, matrix.width]);
        const byAmx = await multiply(program, x);
        allowAmx(library(), false);
        const byVnni = await multiply(program, x);
        allowAmx(library(), true);
        expect(byAmx.data).toEqual(byVnni.data);
      }
    });

    test.each([3, 26])('of one row that is no number leave the other %i alone', async (rows) => {
      const matrix = matrixOf({});
      await using program = await compile(matrix);
      const x = randomFloats('rows', [rows + 1, matrix.width]);
      const clean = await multiply(program, x);
      for (const strange of [Number.NaN, Infinity, -Infinity]) {
        for (const at of [0, 17, matrix.width - 1]) {
          const data = Float32Array.from(x.data);
          data[matrix.width + at] = strange;
          const found = await multiply(program, { ...x, data });
          expect(rowOf(found, 1).data.filter(Number.isFinite)).toEqual(new Float32Array(0));
          for (const row of [0, 2, rows]) {
            expect(rowOf(found, row).data).toEqual(rowOf(clean, row).data);
          }
        }
      }
    });

    test.each([true, false])(
      'of rows of next to nothing are the bias (there is one: %s)',
      async (hasBias) => {
        const matrix = matrixOf({ hasBias });
        await using program = await compile(matrix);
        const bias = matrix.bias ?? new Float32Array(matrix.out);
        for (const size of [0, 1e-45, 1e-38, 1e-37]) {
          for (const rows of [1, 26]) {
            const x = randomFloats('x', [rows, matrix.width], size);
            const { data } = await multiply(program, x);
            expect([...data].filter((each, i) => each !== bias[i % matrix.out])).toEqual([]);
          }
        }
      },
    );
  });

  test('are exact for any lengths, axes and numbers', async () => {
    const kind = fc.record({
      out: fc.integer({ min: 1, max: 70 }),
      blocks: fc.integer({ min: 1, max: 40 }),
      bits: fc.constantFrom(4 as const, 8 as const),
      blockSize: fc.constantFrom(32, 64, 128),
      zeroPoints: fc.boolean(),
      hasBias: fc.boolean(),
      scales: fc.constantFrom(undefined, 'float16' as const),
    });
    const axes = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 3 });
    const size = fc.constantFrom(1e-30, 1e-3, 1, 1e4, 1e30);
    await fc.assert(
      fc.asyncProperty(
        kind,
        axes,
        size,
        fc.string(),
        async ({ blocks, scales, ...rest }, axes, size, seed) => {
          const width = blocks * rest.blockSize;
          const matrix = randomBlocks(seed, { ...rest, width, ...(scales && { scales }) });
          await using program = await compile(matrix, axes.length);
          await expectExact(program, matrix, randomFloats(seed, [...axes, matrix.width], size));
        },
      ),
      { numRuns: 60 },
    );
  });

  test('of no rows are none', async () => {
    const matrix = randomBlocks('w', { ...square, bits: 4 });
    await using program = await compile(matrix, 2);
    const nothing = { dtype: 'float32', shape: [3, 0, 64], data: new Float32Array(0) } as const;
    expect(await multiply(program, nothing)).toMatchObject({ shape: [3, 0, 64] });
  });

  test.each([
    { bits: 4 },
    { bits: 8 },
    { bits: 4, scales: 'float16' },
    { bits: 8, scales: 'float16' },
  ] as const)("differ from ONNX Runtime's by its rounding: %o", async (kind) => {
    const matrix = randomBlocks('w', { ...square, ...kind, width: 512 });
    await using ours = await compile(matrix);
    const backend = onnx({ threads: 1, kernels: 'onnxruntime' });
    await using theirs = await backend.compile(
      { multiply: productGraph(matrix) },
      sourceOf(matrix),
    );
    for (const rows of [1, 40]) {
      const x = randomFloats('x', [rows, 512]);
      expectClose(await multiply(ours, x), await multiply(theirs, x), 1e-2, `${rows} rows`);
    }
  });
});

const square = { out: 64, width: 64, blockSize: 32, zeroPoints: true, hasBias: false } as const;

describe.skipIf(missing)('weights of a file', () => {
  test('are multiplied as those that are read, to the bit', async () => {
    const matrix = randomBlocks('w', { ...square, bits: 4, width: 160 });
    const rows = randomFloats('x', [7, 160]);
    const mapped = inFile(
      path.join(folder, 'mapped'),
      matrix.out,
      matrix.width,
      matrix.encoding,
      matrix.parts,
    );
    await using fromFile = await onnx({ threads: 1 }).compile(
      { multiply: productGraph(matrix) },
      mapped,
    );
    await using fromMemory = await compile(matrix);
    expect((await multiply(fromFile, rows)).data).toEqual((await multiply(fromMemory, rows)).data);
  });
});

/** Weights move into large pages only where Linux has such. */
const largePages = existsSync(setting) && !readFileSync(setting, 'utf8').includes('[never]');

describe.skipIf(missing || !largePages)('weights of a file that is overwritten', () => {
  const large = { out: 4096, width: 2048, bits: 4, blockSize: 128, zeroPoints: true } as const;
  const rows = randomFloats('x', [1, large.width]);

  async function open(name: string, largePages: LargePagesOption) {
    const { out, width, encoding, parts, bias } = randomBlocks('w', { ...large, hasBias: false });
    const file = path.join(folder, name);
    const source = inFile(file, out, width, encoding, parts);
    const graph = productGraph({ out, width, encoding, parts, bias });
    const program = await onnx({ threads: 1, largePages }).compile({ multiply: graph }, source);
    const overwrite = () => writeFileSync(file, Buffer.alloc(large.out * 900), { flag: 'r+' });
    return { program, overwrite };
  }

  test('count no more where they moved first', async () => {
    const { program, overwrite } = await open('first', 'first');
    await using _ = program;
    const { data } = await multiply(program, rows);
    overwrite();
    expect((await multiply(program, rows)).data).toEqual(data);
  });

  test('count no more after they have moved meanwhile, and products are the same all the time', async () => {
    const { program, overwrite } = await open('meanwhile', 'meanwhile');
    await using _ = program;
    const { data } = await multiply(program, rows);
    const moved = async () => {
      expect((await multiply(program, rows)).data).toEqual(data);
      return !readFileSync('/proc/self/maps', 'utf8').includes(path.join(folder, 'meanwhile'));
    };
    await expect.poll(moved, { timeout: 20_000 }).toBe(true);
    overwrite();
    expect((await multiply(program, rows)).data).toEqual(data);
  });

  test('count where they never move', async () => {
    const { program, overwrite } = await open('never', 'never');
    await using _ = program;
    const { data } = await multiply(program, rows);
    overwrite();
    expect((await multiply(program, rows)).data).not.toEqual(data);
  });
});

describe.skipIf(missing)('the operator refuses', () => {
  const attributes = { in: 64, out: 2, bits: 4, block: 32 };
  const shapes = { x: [3, 64], values: [64], scales: [4], zeros: [2], bias: [2] };
  const run = (attributes: Attributes, shapes: Record<string, readonly number[]>) =>
    runOperator({ name: 'MultiplyBlocks', attributes, outputs: { y: 2 } }, typed(shapes));
  const runGated = (attributes: Attributes, second: Record<string, readonly number[]> = {}) => {
    const { x, values, scales, zeros } = shapes;
    const both = { x, values, scales, zeros, values2: values, scales2: scales, zeros2: zeros };
    const operator = { name: 'MultiplyGated', attributes, outputs: { y: 2 } };
    return runOperator(operator, typed({ ...both, ...second }));
  };

  test.each([
    ['values', { values: [63] }, 'there are 63 bytes of values, but there have to be 64'],
    ['scales', { scales: [2, 3] }, 'there are 24 bytes of scales, but there have to be 16'],
    ['zero points', { zeros: [1] }, 'there are 1 bytes of zero points, but there have to be 2'],
    ['biases', { bias: [3] }, 'there are 12 bytes of bias, but there have to be 8'],
    ['rows', { x: [3, 32] }, 'there are 32 numbers in a row, but there have to be 64'],
    [
      'axes',
      { x: [1, 1, 1, 1, 1, 1, 1, 1, 64] },
      'take tensors of at most 8 axes, but this one has 9',
    ],
  ])('%s of another length', async (_, wrong, message) => {
    await expect(run(attributes, { ...shapes, ...wrong })).rejects.toThrow(message);
  });

  test.each([{ block: 16 }, { bits: 2 }, { in: 48 }, { out: 0 }])('%o', async (wrong) => {
    const message = 'is none it knows: blocks of 32, 64 or 128';
    await expect(run({ ...attributes, ...wrong }, shapes)).rejects.toThrow(message);
    await expect(runGated({ ...attributes, ...wrong })).rejects.toThrow(message);
  });

  test('what is added, or a gamma, of another length', async () => {
    const { x, ...matrix } = shapes;
    const all = { ...attributes, epsilon: { float: 0 } };
    const runNormed = (others: readonly number[], gamma: readonly number[]) =>
      runOperator(
        { name: 'MultiplyNormed', attributes: all, outputs: { y: 2, sum: 2 } },
        typed({ x, ...matrix, others, gamma }),
      );
    await expect(runNormed(x, [64])).resolves.toEqual([[3, 2], x]);
    await expect(runNormed([2, 64], [64])).rejects.toThrow(
      'there are 512 bytes of what is added, but there have to be 768',
    );
    await expect(runNormed(x, [63])).rejects.toThrow(
      'there are 252 bytes of gamma, but there have to be 256',
    );
  });

  test('in its own name', async () => {
    const wrong = { ...attributes, bits: 2 };
    const message = ': a matrix of 2 × 64 in blocks of 32 with 2 bits';
    await expect(run(wrong, shapes)).rejects.toThrow(`MultiplyBlocks${message}`);
    await expect(runGated(wrong)).rejects.toThrow(`MultiplyGated${message}`);
  });

  test('nothing else', async () => {
    await expect(run(attributes, shapes)).resolves.toEqual([[3, 2]]);
  });

  test('scales of another length or type, in float16 too', async () => {
    const runScales = (type: ElementType, shape: readonly number[]) => {
      const operator = { name: 'MultiplyBlocks', attributes, outputs: { y: 2 } };
      return runOperator(operator, { ...typed(shapes), scales: { type, shape } });
    };
    await expect(runScales('float16', [4])).resolves.toEqual([[3, 2]]);
    await expect(runScales('float16', [8])).rejects.toThrow(
      'there are 16 bytes of scales, but there have to be 8',
    );
    for (const type of ['int32', 'bfloat16'] as const) {
      await expect(runScales(type, [4])).rejects.toThrow('scales have to be float32 or float16');
    }
  });

  test('lengths of a second matrix, if it has two', async () => {
    const gated = (second: Record<string, readonly number[]>) => runGated(attributes, second);
    await expect(gated({})).resolves.toEqual([[3, 2]]);
    await expect(gated({ values2: [63] })).rejects.toThrow('there are 63 bytes of values');
    await expect(gated({ scales2: [5] })).rejects.toThrow('there are 20 bytes of scales');
    await expect(gated({ zeros2: [3] })).rejects.toThrow('there are 3 bytes of zero points');
  });
});

/** Zeros of the kind that a matrix's parts are of. */
function typed(shapes: Record<string, readonly number[]>): Record<string, OperatorInput> {
  const isBytes = /^(values|zeros)/;
  const entries = Object.entries(shapes).map(([name, shape]) => {
    return [name, { shape, type: isBytes.test(name) ? 'uint8' : 'float32' }] as const;
  });
  return Object.fromEntries(entries);
}

test.skipIf(missing)('kernels that one ONNX Runtime uses are not for another one', () => {
  const { api, kernels } = loadRuntime();
  kernels();
  expect(() => createKernels(api)).not.toThrow();
  const other = { functions: api.functions + 8n, path: '/else/libonnxruntime.so.1' } as OnnxApi;
  expect(() => createKernels(other)).toThrow(KernelsInUseError);
  expect(() => createKernels(other)).toThrow(
    "/else/libonnxruntime.so.1 cannot run lingbi's kernels: another ONNX Runtime of this process does already. " +
      "Do without them here: onnx({ kernels: 'onnxruntime' })",
  );
});

async function expectExact(program: Program<'multiply'>, matrix: BlockMatrix, x: HostTensor) {
  const shape = [...x.shape.slice(0, -1), matrix.out];
  expect(await compareExactly(program, matrix, x)).toEqual({ shape, tooFar: [] });
}

function rowOf({ data, shape: [rows = 1, width = 1] }: HostTensor, row: number): HostTensor {
  const own = data.slice(row * width, (row + 1) * width) as Float32Array;
  return { dtype: 'float32', shape: [Math.min(rows, 1), width], data: own };
}
