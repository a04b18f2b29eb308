import {
  attention,
  type HostTensor,
  linear,
  type Outputs,
  putRows,
  takeRows,
  trace,
} from '@lingbi/core';
import { expectClose, int32, noiseWeights, randomFloats } from '@lingbi/core/testing';
import { describe, expect, test, vi } from 'vitest';
import { OnnxApi } from './api.ts';
import { onnx } from './backend.ts';
import { missingKernels } from './kernels.ts';
import { OnnxSession } from './session.ts';
import { attentionGraph, imaginedText } from './test-tools/attended-text.ts';

const backend = onnx({ threads: 1 });

const width = 1024;
const w = { name: 'w', shape: [width, width] } as const;
const x = { shape: ['rows', width], dtype: 'float32' } as const;
/** As many products of [rows, 1024] and [1024, 1024], one after the other. */
const chain = (products: number) =>
  trace('chain', { x }, ({ x }) => {
    let y = x;
    for (let i = 0; i < products; i++) y = linear(y, w);
    return { y };
  });
const short = trace('short', { x }, ({ x }) => ({ y: linear(x, w) }));
const weights = noiseWeights([w]);
const rows = (count: number): HostTensor => randomFloats('rows', [count, width], 1e-3);

describe('abort', () => {
  // Left alone, this run takes half a minute.
  test('ends a run at work, frees the event loop meanwhile, and leaves the program usable', {
    timeout: 15_000,
  }, async () => {
    await using program = await backend.compile({ long: chain(400), short }, weights);
    const reason = new Error('enough');
    const controller = new AbortController();
    let turns = 0;
    const ticking = setInterval(() => {
      if (++turns === 20) controller.abort(reason);
    }, 1);
    const aborted = program.run('long', { x: rows(2000) }, { signal: controller.signal });
    await expect(aborted).rejects.toBe(reason);
    clearInterval(ticking);
    expect(turns).toBeGreaterThanOrEqual(20);
    await finish(program.run('short', { x: rows(2) }));
  });

  test('ends compiling within a weight that is being packed', async () => {
    const release = vi.spyOn(OnnxApi.prototype, 'release');
    const reason = new Error('enough');
    const controller = new AbortController();
    setTimeout(() => controller.abort(reason), 20);
    const packing = onnx({ threads: 1, prepack: true });
    const options = { signal: controller.signal };
    const compiling = packing.compile({ long: chain(400) }, weights, options);
    await expect(compiling).rejects.toBe(reason);
    // One that was compiled to its end would have been there to give back.
    expect(release.mock.calls.map(([name]) => name)).not.toContain('ReleaseSession');
    release.mockRestore();
  });

  test('of a run that waits its turn leaves the one at work alone', async () => {
    await using program = await backend.compile({ long: chain(10), short }, weights);
    const controller = new AbortController();
    const first = finish(program.run('long', { x: rows(20) }));
    const second = program.run('short', { x: rows(2) }, { signal: controller.signal });
    controller.abort(new Error('not any more'));
    await expect(second).rejects.toThrow('not any more');
    expect((await first).shape).toEqual([20, width]);
  });
});

describe('dispose', () => {
  test('waits for the run at work', async () => {
    const program = await backend.compile({ long: chain(40) }, weights);
    let finished = false;
    const running = program.run('long', { x: rows(50) }).then(({ y }) => {
      finished = true;
      return y!.read();
    });
    await program[Symbol.asyncDispose]();
    expect(finished).toBe(true);
    expect((await running).shape).toEqual([50, width]);
    await expect(program.run('long', { x: rows(1) })).rejects.toThrow('has been disposed');
  });

  test('takes results with it that nobody disposed', async () => {
    const program = await backend.compile({ short }, weights);
    const { y } = await program.run('short', { x: rows(1) });
    await program[Symbol.asyncDispose]();
    await expect(y!.read()).rejects.toThrow('disposed');
    y![Symbol.dispose]();
  });

  test('a disposed result is no input any more', async () => {
    await using program = await backend.compile({ short }, weights);
    const { y } = await program.run('short', { x: rows(1) });
    y![Symbol.dispose]();
    await expect(program.run('short', { x: y! })).rejects.toThrow('This tensor has been disposed');
  });

  test('a thousand programs leave nothing behind', async () => {
    const small = { name: 'small', shape: [16, 16] } as const;
    const input = { shape: ['rows', 16], dtype: 'float32' } as const;
    const graph = trace('small', { x: input }, ({ x }) => ({ y: linear(x, small) }));
    const source = noiseWeights([small]);
    const given = randomFloats('given', [3, 16]);
    const cycle = async () => {
      await using program = await backend.compile({ graph }, source);
      await finish(program.run('graph', { x: given }));
    };
    for (let i = 0; i < 200; i++) await cycle();
    const before = process.memoryUsage().rss;
    for (let i = 0; i < 1000; i++) await cycle();
    expect(process.memoryUsage().rss - before).toBeLessThan(64 << 20);
  });
});

describe('cache', () => {
  const [heads, kvHeads, headDim] = [4, 2, 16];
  const layer = { layer: 0, kvHeads, headDim };
  const features = (heads + 2 * kvHeads) * headDim;
  const angle = { shape: ['tokens', headDim / 2], dtype: 'float32' } as const;
  const qkv = { shape: ['tokens', features], dtype: 'float32' } as const;
  const attend = trace('attend', { qkv, cos: angle, sin: angle }, ({ qkv, cos, sin }) => ({
    y: attention(qkv, { cos, sin }, { heads, cache: layer }),
  }));
  const inputs = (seed: string, tokens: number) => ({
    qkv: randomFloats(seed, [tokens, features]),
    cos: randomFloats(`${seed}.cos`, [tokens, headDim / 2]),
    sin: randomFloats(`${seed}.sin`, [tokens, headDim / 2]),
  });
  const open = () => backend.compile({ attend }, noiseWeights([]));

  test('a failed run leaves every slot as it was', async () => {
    await using program = await open();
    using cache = program.createCache({ capacity: 8, slots: 2 });
    await finish(program.run('attend', inputs('a', 3), { cache }));
    const wrong = { ...inputs('b', 2), cos: randomFloats('cos', [3, headDim / 2]) };
    await expect(program.run('attend', wrong, { cache })).rejects.toThrow('[tokens = 2, 8]');
    expect([cache.length(0), cache.length(1)]).toEqual([3, 0]);
  });

  test('sequences may have other angles at one position', async () => {
    await using program = await open();
    using apart = program.createCache({ capacity: 8, slots: 2 });
    using together = program.createCache({ capacity: 8, slots: 2 });
    const both = inputs('both', 2);
    const alone = [];
    for (const slot of [0, 1]) {
      const one = Object.fromEntries(
        Object.entries(both).map(([key, tensor]) => [key, rowsOf(tensor, slot, 1)]),
      );
      const segments = [{ slot, tokens: 1 }];
      alone.push(...(await finish(program.run('attend', one, { cache: apart, segments }))).data);
    }
    const segments = [0, 1].map((slot) => ({ slot, tokens: 1 }));
    const found = await finish(program.run('attend', both, { cache: together, segments }));
    expect([...found.data]).toEqual(alone);
  });

  test('each of several groups of sequences gets its own rows of the angles', async () => {
    await using program = await open();
    using apart = program.createCache({ capacity: 8, slots: 4 });
    using together = program.createCache({ capacity: 8, slots: 4 });
    const all = inputs('all', 6);
    const segments = [
      { slot: 3, tokens: 3 },
      { slot: 1, tokens: 2 },
      { slot: 2, tokens: 1 },
    ];
    const alone: number[] = [];
    for (const [index, start] of [0, 3, 5].entries()) {
      const segment = segments[index]!;
      const own = Object.fromEntries(
        Object.entries(all).map(([key, tensor]) => [key, rowsOf(tensor, start, segment.tokens)]),
      );
      const options = { cache: apart, segments: [segment] };
      alone.push(...(await finish(program.run('attend', own, options))).data);
    }
    const found = await finish(program.run('attend', all, { cache: together, segments }));
    expect([...found.data]).toEqual(alone);
    for (const slot of [1, 2, 3]) {
      const next = { segments: [{ slot, tokens: 1 }] };
      const [one, other] = [
        await finish(program.run('attend', inputs('next', 1), { cache: apart, ...next })),
        await finish(program.run('attend', inputs('next', 1), { cache: together, ...next })),
      ];
      expect(other.data).toEqual(one.data);
    }
  });

  test('used after it was disposed, it is an error', async () => {
    await using program = await open();
    const cache = program.createCache({ capacity: 4 });
    cache[Symbol.dispose]();
    cache[Symbol.dispose]();
    await expect(program.run('attend', inputs('a', 1), { cache })).rejects.toThrow(
      'This cache has been disposed',
    );
    await expect(cache.copy(0, 0)).rejects.toThrow('This cache has been disposed');
  });

  test('disposed while a run uses it, it lets the run finish', async () => {
    await using program = await open();
    const cache = program.createCache({ capacity: 600 });
    const running = finish(program.run('attend', inputs('a', 500), { cache }));
    await Promise.resolve();
    setImmediate(() => cache[Symbol.dispose]());
    expect((await running).shape).toEqual([500, heads * headDim]);
  });

  test('sizes that cannot be are refused', async () => {
    await using program = await open();
    expect(() => program.createCache({ capacity: 0 })).toThrow('capacity must be a whole number');
    expect(() => program.createCache({ capacity: 4, slots: 1.5 })).toThrow('slots must be a whole');
    expect(() => program.createCache({ capacity: 2 ** 40 })).toThrow('Ask for less capacity');
  });

  test('graphs that mean different layers by one number cannot share a cache', async () => {
    const wide = { layer: 0, kvHeads: 1, headDim };
    const other = trace('other', { qkv, cos: angle, sin: angle }, ({ qkv, cos, sin }) => ({
      y: attention(qkv, { cos, sin }, { heads: 6, cache: wide }),
    }));
    await expect(backend.compile({ attend, other }, noiseWeights([]))).rejects.toThrow(
      'Layer 0 of the cache has 2 heads of 16 in one graph and 1 of 16 in another',
    );
  });
});

test('row numbers outside the rows are an error, not a crash', async () => {
  const rowNumbers = { shape: ['n'], dtype: 'int32' } as const;
  const take = trace('take', { x, rowNumbers }, ({ x, rowNumbers }) => ({
    y: takeRows(x, rowNumbers),
  }));
  const values = { shape: ['n', width], dtype: 'float32' } as const;
  const put = trace('put', { x, rowNumbers, values }, ({ x, rowNumbers, values }) => ({
    y: putRows(x, rowNumbers, values),
  }));
  await using program = await backend.compile({ take, put }, noiseWeights([]));
  const outside = { x: rows(2), rowNumbers: int32([1], 9) };
  await expect(program.run('take', outside)).rejects.toThrow('failed while running "take"');
  await expect(program.run('put', { ...outside, values: rows(1) })).rejects.toThrow(
    'failed while running "put"',
  );
});

test('an empty input gives an empty result', async () => {
  await using program = await backend.compile({ short }, weights);
  expectClose(await finish(program.run('short', { x: rows(0) })), rows(0), 0, 'no rows');
});

async function finish(running: Promise<Outputs>): Promise<HostTensor> {
  const { y } = await running;
  using output = y!;
  return await output.read();
}

function rowsOf(tensor: HostTensor, start: number, count: number): HostTensor {
  const size = tensor.shape[1]!;
  const data = tensor.data.slice(start * size, (start + count) * size);
  return { ...tensor, shape: [count, size], data };
}

test.skipIf(missingKernels())(
  'graphs are compiled for the caches that were announced, and once',
  async () => {
    const of = { heads: 2, kvHeads: 1, headDim: 32 };
    const { qkv, cos, sin } = imaginedText('text', of, 3);
    const opened = vi.spyOn(OnnxSession, 'open');
    for (const kv of ['float32', 'float16', 'int8'] as const) {
      opened.mockClear();
      await using program = await backend.compile(
        { attend: attentionGraph(of) },
        noiseWeights([]),
        { kv },
      );
      expect(opened).toHaveBeenCalledTimes(1);
      using cache = program.createCache({ kv, capacity: 8 });
      const { y } = await program.run('attend', { qkv, cos, sin }, { cache });
      y![Symbol.dispose]();
      expect(opened, kv).toHaveBeenCalledTimes(1);
    }
  },
);
