import { describe, expect, test } from 'vitest';
import type { Backend, KvCache, Program } from '../backend/backend.ts';
import { trace } from '../graph/trace.ts';
import { add, linear } from '../ops/index.ts';
import type { WeightSource } from '../weights/weight-source.ts';
import { expectClose } from './compare.ts';
import { randomFloats } from './noise.ts';
import { noiseWeights } from './noise-weights.ts';
import {
  decoderInputs,
  promptRows,
  readOutput,
  rowsOf,
  smallDecoder,
  upFrom,
} from './small-decoder.ts';

const w = { name: 'w', shape: [4, 4] } as const;
const x = { shape: ['rows', 4], dtype: 'float32' } as const;
const graphs = {
  once: trace('once', { x }, ({ x }) => ({ y: linear(x, w) })),
  twice: trace('twice', { x }, ({ x }) => ({ y: linear(linear(x, w), w), x: add(x, x) })),
};
const rows = randomFloats('rows', [3, 4]);

/** A program as its callers know it: weights, inputs, results, errors, and their ends. */
export function programSuite(backend: Backend, tolerance: number): void {
  const open = (source: WeightSource = noiseWeights([w])) => backend.compile(graphs, source);

  describe(`${backend.name}: program`, () => {
    test('says what it runs on', async () => {
      await using program = await open();
      expect(program.device).toMatch(/\w/);
    });

    test('results of one graph are inputs of another without a round trip', async () => {
      await using program = await open();
      const { y } = await program.run('once', { x: rows });
      const found = await readOutput(await program.run('once', { x: y! }), 'y');
      const wanted = await readOutput(await program.run('twice', { x: rows }), 'y');
      expectClose(found, wanted, tolerance, 'once, twice');
      expectClose(
        await y!.read(),
        await readOutput(await program.run('once', { x: rows }), 'y'),
        0,
        'still there',
      );
      y![Symbol.dispose]();
    });

    test('a weight that several graphs name is read once', async () => {
      const reads: string[] = [];
      const source = noiseWeights([w]);
      const counting: WeightSource = {
        has: (name) => source.has(name),
        describe: (name) => source.describe(name),
        read(name, ...rest) {
          reads.push(name);
          return source.read(name, ...rest);
        },
      };
      await using program = await open(counting);
      await readOutput(await program.run('twice', { x: rows }), 'y');
      expect(reads).toEqual(['w']);
    });

    test('weights of lazy graphs are read at their first run', async () => {
      const reads: string[] = [];
      const later = { name: 'later', shape: [4, 4] } as const;
      const source = noiseWeights([w, later]);
      const lazy = { ...graphs, lazy: trace('lazy', { x }, ({ x }) => ({ y: linear(x, later) })) };
      const counting: WeightSource = {
        has: (name) => source.has(name),
        describe: (name) => source.describe(name),
        read(name, ...rest) {
          reads.push(name);
          return source.read(name, ...rest);
        },
      };
      await using program = await backend.compile(lazy, counting, { lazy: ['lazy'] });
      expect(reads).toEqual(['w']);
      await readOutput(await program.run('lazy', { x: rows }), 'y');
      expect(reads).toEqual(['w', 'later']);
    });

    test('graphs that are added share weights, and what is theirs is read once', async () => {
      const reads: string[] = [];
      const own = { name: 'own', shape: [4, 4] } as const;
      const more = noiseWeights([own]);
      const counting: WeightSource = {
        has: (name) => more.has(name),
        describe: (name) => more.describe(name),
        read(name, ...rest) {
          reads.push(name);
          return more.read(name, ...rest);
        },
      };
      const added = { both: trace('both', { x }, ({ x }) => ({ y: linear(linear(x, w), own) })) };
      await using whole = await backend.compile({ ...graphs, ...added }, noiseWeights([w, own]));
      const wanted = await readOutput(await whole.run('both', { x: rows }), 'y');
      await using program = await open();
      const extension = await program.extend(added, counting);
      const found = await readOutput(await extension.run('both', { x: rows }), 'y');
      expectClose(found, wanted, tolerance, 'an added graph');
      expect(reads).toEqual(['own']);
      await expect(program.extend(added, more)).rejects.toThrow('holds one of that name');
      await extension[Symbol.asyncDispose]();
      await expect(extension.run('both', { x: rows })).rejects.toThrow('There is no graph "both"');
      await readOutput(await program.run('twice', { x: rows }), 'y');
      await using again = await program.extend(added, counting);
      const repeated = await readOutput(await again.run('both', { x: rows }), 'y');
      expectClose(repeated, wanted, tolerance, 'added again');
      expect(reads).toEqual(['own', 'own']);
    });

    test('graphs that are added continue caches that are there, unless their layers differ', async () => {
      const decoder = { decode: smallDecoder('decode') };
      const other = { other: smallDecoder('other', 'otherLast') };
      const all = { ...decoder, ...other };
      const source = noiseWeights(Object.values(all).flatMap(({ weights }) => weights));
      const prompt = promptRows('a', 5);
      const feed = async (
        program: Program,
        graph: string,
        cache: KvCache,
        from: number,
        to: number,
      ) => {
        const inputs = decoderInputs(rowsOf(prompt, from, to), upFrom(from, to - from));
        return readOutput(await program.run(graph, inputs, { cache }), 'y');
      };
      await using whole = await backend.compile(all, source);
      using expected = whole.createCache({ capacity: 8 });
      await feed(whole, 'decode', expected, 0, 3);
      const wanted = await feed(whole, 'other', expected, 3, 5);
      await using program = await backend.compile(decoder, source);
      using cache = program.createCache({ capacity: 8 });
      await feed(program, 'decode', cache, 0, 3);
      await using _ = await program.extend(other, source);
      const found = await feed(program as Program, 'other', cache, 3, 5);
      expectClose(found, wanted, tolerance, 'through the added graph');
    });

    test('a graph that cannot be added leaves the program as it was', async () => {
      await using program = await open();
      const wide = { name: 'wide', shape: [4, 5] } as const;
      const added = {
        wide: trace('wide', { x }, ({ x }) => ({ y: linear(x, { name: 'wide', shape: [4, 4] }) })),
      };
      await expect(program.extend(added, noiseWeights([wide]))).rejects.toThrow(
        'it needs wide as [4, 4]',
      );
      await expect(program.extend(added, noiseWeights([]))).rejects.toThrow('wide');
      const aborted = program.extend(added, noiseWeights([{ ...wide, shape: [4, 4] }]), {
        signal: AbortSignal.abort(new Error('enough')),
      });
      await expect(aborted).rejects.toThrow('enough');
      await readOutput(await program.run('once', { x: rows }), 'y');
    });

    test('a weight of another shape is named before anything is read', async () => {
      const source = noiseWeights([{ name: 'w', shape: [4, 5] }]);
      const unread: WeightSource = { ...source, read: () => Promise.reject(new Error('was read')) };
      await expect(open(unread)).rejects.toThrow(
        'it needs w as [4, 4], but the checkpoint holds [4, 5]',
      );
    });

    test('wrong inputs are named with both shapes', async () => {
      await using program = await open();
      const wide = randomFloats('wide', [3, 5]);
      const ids = { dtype: 'int32', shape: [3, 4], data: new Int32Array(12) } as const;
      const short = { dtype: 'float32', shape: [3, 4], data: new Float32Array(11) } as const;
      await expect(program.run('once', {})).rejects.toThrow('"x" of "once" is missing');
      await expect(program.run('once', { x: rows, y: rows })).rejects.toThrow(
        '"y" of "once" is unknown',
      );
      await expect(program.run('once', { x: wide })).rejects.toThrow(
        'must be float32 [rows = 3, 4], but it is float32 [3, 5]',
      );
      await expect(program.run('once', { x: ids })).rejects.toThrow('but it is int32 [3, 4]');
      await expect(program.run('once', { x: short })).rejects.toThrow('needs 12 numbers');
      await expect(program.run('none' as 'once', { x: rows })).rejects.toThrow('holds once, twice');
    });

    test('attention without a cache, or with a foreign one, is an error', async () => {
      const decoder = { decode: smallDecoder('decode') };
      await using first = await backend.compile(decoder, noiseWeights(decoder.decode.weights));
      await using second = await backend.compile(decoder, noiseWeights(decoder.decode.weights));
      using cache = first.createCache({ capacity: 4 });
      const inputs = decoderInputs(promptRows('a', 2), upFrom(0, 2));
      await expect(second.run('decode', inputs)).rejects.toThrow('give the run a cache');
      await expect(second.run('decode', inputs, { cache })).rejects.toThrow('another program');
    });

    test('segments must cover the rows', async () => {
      const decoder = { decode: smallDecoder('decode') };
      await using program = await backend.compile(decoder, noiseWeights(decoder.decode.weights));
      using cache = program.createCache({ capacity: 4, slots: 2 });
      const inputs = decoderInputs(promptRows('a', 3), upFrom(0, 3));
      const segments = [
        { slot: 0, tokens: 1 },
        { slot: 1, tokens: 1 },
      ];
      await expect(program.run('decode', inputs, { cache, segments })).rejects.toThrow(
        'cover its 3 rows',
      );
    });

    test('a segment keeps at least one of its rows, and none of others', async () => {
      const decoder = { decode: smallDecoder('decode') };
      await using program = await backend.compile(decoder, noiseWeights(decoder.decode.weights));
      using cache = program.createCache({ capacity: 4 });
      const inputs = decoderInputs(promptRows('a', 3), upFrom(0, 3));
      for (const kept of [0, 4, 1.5]) {
        const segments = [{ slot: 0, tokens: 3, kept }];
        const run = program.run('decode', inputs, { cache, segments });
        await expect(run).rejects.toThrow(`keeps ${kept} rows, but it must be 1 to its 3 tokens`);
      }
    });

    test('disposing twice is harmless, using it afterwards is an error', async () => {
      const program = await open();
      const { y } = await program.run('once', { x: rows });
      y![Symbol.dispose]();
      y![Symbol.dispose]();
      await expect(async () => y!.read()).rejects.toThrow('disposed');
      await program[Symbol.asyncDispose]();
      await program[Symbol.asyncDispose]();
      await expect(program.run('once', { x: rows })).rejects.toThrow('disposed');
    });

    test('runs that are started together do not disturb each other', async () => {
      await using program = await open();
      const inputs = ['a', 'b', 'c', 'd'].map((seed) => randomFloats(seed, [3, 4]));
      const together = await Promise.all(
        inputs.map(async (x) => readOutput(await program.run('once', { x }), 'y')),
      );
      for (const [index, x] of inputs.entries()) {
        const alone = await readOutput(await program.run('once', { x }), 'y');
        expectClose(together[index]!, alone, 0, `run ${index}`);
      }
    });
  });
}
