/** Weights that move late, in a file of its own: how much memory is free is imagined. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Graph, linear, type Program, trace, type WeightSource } from '@lingbi/core';
import { randomFloats } from '@lingbi/core/testing';
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { onnx } from './backend.ts';
import { LostWeightsError } from './errors.ts';
import { missingKernels } from './kernels.ts';
import { LargePages } from './large-pages.ts';
import type { LargePagesOption } from './options.ts';
import type { SystemMemory } from './system-memory.ts';
import { randomBlocks } from './test-tools/block-product.ts';
import { inFile } from './test-tools/weights-in-file.ts';

const imagined = vi.hoisted(() => ({
  ...{ free: 0, looks: 0 },
  system: (_real: SystemMemory): Partial<SystemMemory> => ({}),
}));
vi.mock('@lingbi/core', async (original) => ({
  ...(await original<object>()),
  freeMemory: () => {
    imagined.looks++;
    return imagined.free;
  },
}));
vi.mock('./system-memory.ts', async (original) => {
  const { openSystemMemory } = await original<typeof import('./system-memory.ts')>();
  const real = () => openSystemMemory()!;
  return { openSystemMemory: () => ({ ...real(), ...imagined.system(real()) }) };
});
beforeEach(() => Object.assign(imagined, { free: 0, system: () => ({}) }));

const missing = missingKernels();
const setting = '/sys/kernel/mm/transparent_hugepage/enabled';
const folder = mkdtempSync(path.join(tmpdir(), 'lingbi-late-weights-'));
afterAll(() => rmSync(folder, { recursive: true }));

const kind = { bits: 4, blockSize: 128, zeroPoints: false, hasBias: false } as const;
const [out, width] = [4096, 2048];
const input = { x: randomFloats('x', [1, width]) };

function product(weight: string): Graph {
  const x = { shape: ['rows', width], dtype: 'float32' } as const;
  return trace(weight, { x }, ({ x }) => ({ y: linear(x, { name: weight, shape: [out, width] }) }));
}

/** A file for each weight. */
function filesOf(names: readonly string[]): WeightSource {
  const sources = names.map((name) => {
    const { encoding, parts } = randomBlocks(name, { ...kind, out, width });
    return [name, inFile(path.join(folder, name), out, width, encoding, parts)] as const;
  });
  const files = new Map(sources);
  return {
    has: (name) => files.has(name),
    describe: (name) => files.get(name)!.describe(name),
    read: () => Promise.reject(new Error('was read')),
  };
}

function open(largePages: LargePagesOption): Promise<Program<'early' | 'late'>> {
  const graphs = { early: product('early'), late: product('late') };
  const source = filesOf(['early', 'late']);
  return onnx({ threads: 1, largePages }).compile(graphs, source, { lazy: ['late'] });
}

async function run(program: Program, graph: string): Promise<ArrayLike<number>> {
  const { y } = await program.run(graph, input);
  using held = y!;
  return (await held.read()).data;
}

/** Which of some files are mapped. */
function mapped(names: readonly string[]): readonly string[] {
  const maps = readFileSync('/proc/self/maps', 'utf8');
  return names.filter((name) => maps.includes(`${path.join(folder, name)}\n`));
}

const hasLargePages = existsSync(setting) && !readFileSync(setting, 'utf8').includes('[never]');

describe.skipIf(missing || !hasLargePages)("with largePages 'first'", () => {
  test('a graph that comes late moves its weights and what had no room, though that waits for its turn', async () => {
    await using program = await open('first');
    const early = await run(program, 'early');
    expect(mapped(['early'])).toEqual(['early']);
    imagined.free = 1e12;
    await run(program, 'late');
    expect(mapped(['early', 'late'])).toEqual([]);
    expect(await run(program, 'early')).toEqual(early);
  });

  test('so does an extension', async () => {
    await using program = await open('first');
    await run(program, 'early');
    imagined.free = 1e12;
    await using extension = await program.extend({ more: product('more') }, filesOf(['more']));
    expect(mapped(['early', 'more'])).toEqual([]);
    await extension.run('more', input);
  });

  test('what has no room moves between runs, when it has', async () => {
    await using program = await open('first');
    imagined.free = 1e12;
    await run(program, 'early');
    await expect.poll(() => mapped(['early']), { timeout: 20_000 }).toEqual([]);
  });

  test('a model whose move fails does not open', async () => {
    imagined.free = 1e12;
    imagined.system = () => ({ copy: () => Promise.reject(new Error('no thread')) });
    await expect(open('first')).rejects.toThrow('no thread');
  });

  test('runs look for nothing when there is nothing to move', async () => {
    imagined.free = 1e12;
    await using program = await open('first');
    const { looks } = imagined;
    const moves = vi.spyOn(LargePages.prototype, 'move');
    await run(program, 'early');
    expect(moves).not.toHaveBeenCalled();
    expect(imagined.looks).toBe(looks);
    moves.mockRestore();
  });
});

describe.skipIf(missing || !hasLargePages)('weights that are lost while they move', () => {
  test('end the program with an error instead of the process', async () => {
    imagined.system = ({ map }) => ({
      map: (length, use, descriptor, at) => (at ? undefined : map(length, use, descriptor)),
      replace: () => false,
    });
    await using program = await open('meanwhile');
    await run(program, 'early');
    imagined.free = 1e12;
    const failure = () => run(program, 'early').catch((error) => error);
    await expect.poll(failure, { timeout: 20_000 }).toBeInstanceOf(LostWeightsError);
    await expect(run(program, 'late')).rejects.toThrow(LostWeightsError);
    expect(mapped(['late'])).toEqual([]); // nothing is compiled any more
  });
});
