import {
  add,
  attention,
  type BatchModel,
  CacheMemoryError,
  type DecoderRuntime,
  type HostTensor,
  type KvCache,
  type KvFormat,
  lastToken,
  rotaryPositions,
  Scheduler,
  trace,
} from '@lingbi/core';
import { noiseWeights, randomFloats, relativeError } from '@lingbi/core/testing';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { onnx } from './backend.ts';
import { missingKernels } from './kernels.ts';
import { deviceStore } from './kv-store.ts';
import { loadRuntime, type Runtime } from './library.ts';
import { collectGarbage } from './test-tools/collect-garbage.ts';
import type { NativeValue } from './values.ts';

const MiB = 2 ** 20;
const [heads, headDim, layers] = [4, 64, 6];
const angles = { shape: ['tokens', headDim / 2], dtype: 'float32' } as const;
const graph = trace(
  'attend',
  { qkv: { shape: ['tokens', 3 * heads * headDim], dtype: 'float32' }, cos: angles, sin: angles },
  ({ qkv, cos, sin }) =>
    Object.fromEntries(
      Array.from({ length: layers }, (_, layer) => {
        const cache = { layer, kvHeads: heads, headDim };
        return [`y${layer}`, attention(qkv, { cos, sin }, { heads, cache })];
      }),
    ),
);

/** Of keys and values in all layers. */
const positionBytes = (kv: KvFormat) =>
  layers * 2 * heads * { float32: headDim * 4, float16: headDim * 2, int8: headDim + 4 }[kv];

const open = () => onnx({ threads: 1 }).compile({ attend: graph }, noiseWeights([]));

const arrays = () => process.memoryUsage().arrayBuffers;

const halves = missingKernels() ? [] : (['float16'] as const);
const formats = ['float32', ...halves, 'int8'] as const;

describe.each(formats)('a cache in %s', (kv) => {
  test('that grows gives back what it had, and all when it is disposed, without waiting for the garbage collector', async () => {
    await using program = await open();
    const before = arrays();
    const cache = program.createCache({ kv, capacity: 4096 });
    await cache.grow({ capacity: 8192 });
    expect(arrays() - before).toBeLessThan(8192 * positionBytes(kv) + MiB);
    cache[Symbol.dispose]();
    const run = { qkv: randomFloats('x', [1, 3 * heads * headDim]) };
    const table = { cos: randomFloats('cos', [1, 32]), sin: randomFloats('sin', [1, 32]) };
    using other = program.createCache({ kv, capacity: 8 });
    const outputs = await program.run('attend', { ...run, ...table }, { cache: other });
    for (const output of Object.values(outputs)) output[Symbol.dispose]();
    expect(arrays() - before).toBeLessThan(MiB);
  });

  test('that finds no memory to grow is as it was', async () => {
    await using program = await open();
    using cache = program.createCache({ kv, capacity: 8, slots: 2 ** 14 });
    const growing = cache.grow({ capacity: 100_000 });
    await expect(growing).rejects.toThrow(CacheMemoryError);
    await expect(growing).rejects.toMatchObject({ capacity: 100_000, slots: 2 ** 14 });
    expect(cache.capacity).toBe(8);
  });
});

/** A decoder whose keys and values take much, and its work little. */
const wide = { layers: 8, heads: 16, headDim: 128 } as const;
const wideAngles = { shape: ['tokens', wide.headDim / 2], dtype: 'float32' } as const;
const wideGraph = trace(
  'wide',
  {
    qkv: { shape: ['tokens', 3 * wide.heads * wide.headDim], dtype: 'float32' },
    ...{ cos: wideAngles, sin: wideAngles },
  },
  ({ qkv, cos, sin }) => {
    const rows = Array.from({ length: wide.layers }, (_, layer) => {
      const cache = { layer, kvHeads: wide.heads, headDim: wide.headDim };
      return attention(qkv, { cos, sin }, { heads: wide.heads, cache });
    });
    return { y: lastToken(rows.reduce((sum, each) => add(sum, each))) };
  },
);
const openWide = () => onnx({ threads: 1 }).compile({ wide: wideGraph }, noiseWeights([]));
type Wide = Awaited<ReturnType<typeof openWide>>;

/** Of keys and values in all layers, in float32. */
const widePositionBytes = 2 * wide.layers * wide.heads * wide.headDim * 4;

/** Reads positions `from` ≤ p < `to` of one imagined prompt. */
async function read(program: Wide, cache: KvCache, to: number, slot = 0): Promise<HostTensor> {
  const from = cache.length(slot);
  const rows = ({ data }: HostTensor, width: number): HostTensor => ({
    ...{ dtype: 'float32', shape: [to - from, width] },
    data: data.slice(from * width, to * width),
  });
  const width = 3 * wide.heads * wide.headDim;
  const inputs = {
    qkv: rows(imagined.qkv, width),
    cos: rows(imagined.cos, wide.headDim / 2),
    sin: rows(imagined.sin, wide.headDim / 2),
  };
  const segments = [{ slot, tokens: to - from }];
  const { y } = await program.run('wide', inputs, { cache, segments });
  using output = y!;
  return await output.read();
}
const LONGEST = 1000;
const imagined = {
  qkv: randomFloats('qkv', [LONGEST, 3 * wide.heads * wide.headDim]),
  cos: randomFloats('cos', [LONGEST, wide.headDim / 2]),
  sin: randomFloats('sin', [LONGEST, wide.headDim / 2]),
};

describe.each(formats)('what is cut off a cache in %s', (kv) => {
  const { layers, heads, headDim } = wide;
  const row = { float32: headDim * 4, float16: headDim * 2, int8: headDim + 4 }[kv];
  const bytes = 2 * layers * heads * row;

  test.runIf(process.platform === 'linux')('gives its memory back, and no other', async () => {
    await using program = await openWide();
    using cache = program.createCache({ kv, capacity: 1024, slots: 2 });
    for (const slot of [0, 1])
      for (const end of [500, LONGEST]) await read(program, cache, end, slot);
    const before = process.memoryUsage.rss();
    cache.truncate(100, 0);
    cache.giveBack(200, 0);
    expect(cache.held(0)).toBe(LONGEST);
    const next = await read(program, cache, 101, 0);
    expect(cache.held(0)).toBe(200);
    // Less than a page of each head stays, and the run takes some of its own.
    expect(before - process.memoryUsage.rss()).toBeGreaterThan(0.7 * 800 * bytes);
    expectNear(next, await fresh(program, 100, 101));
    cache.truncate(LONGEST - 1, 1);
    cache.giveBack(0, 1);
    const last = await read(program, cache, LONGEST, 1);
    expectNear(last, await fresh(program, 500, LONGEST - 1, LONGEST));
  });

  test('leaves no trace, wherever it is cut and however it lay', async () => {
    await using program = await openWide();
    using cache = program.createCache({ kv, capacity: 1024, slots: 1, branches: 1 });
    const lengths = fc.record({
      full: fc.integer({ min: 800, max: LONGEST }),
      kept: fc.integer({ min: 0, max: 250 }),
      added: fc.integer({ min: 1, max: 40 }),
      more: fc.integer({ min: 0, max: 40 }),
      isContinued: fc.boolean(),
    });
    const property = fc.asyncProperty(lengths, async ({ full, kept, added, more, isContinued }) => {
      await read(program, cache, full);
      if (isContinued) await continued(program, cache);
      cache.truncate(kept);
      cache.giveBack(kept + more);
      const found = await read(program, cache, kept + added);
      expect(cache.held()).toBe(kept + Math.max(added, more));
      expectNear(found, await fresh(program, kept, kept + added));
    });
    await fc.assert(property, { numRuns: 6 });
  });

  /** Read up to each of these, in a cache of its own. */
  async function fresh(program: Wide, ...ends: readonly number[]): Promise<HostTensor> {
    using cache = program.createCache({ kv, capacity: LONGEST });
    for (const end of ends.slice(0, -1)) if (end > 0) await read(program, cache, end);
    return await read(program, cache, ends.at(-1)!);
  }

  function expectNear(found: HostTensor, wanted: HostTensor): void {
    // A key whose last bit another length of rows turned may be rounded to the next of its 254 steps.
    expect(relativeError(found.data, wanted.data)).toBeLessThan(kv === 'int8' ? 1e-3 : 1e-5);
  }

  /** Lets another slot go on, so that heads come to lie close. */
  async function continued(program: Wide, cache: KvCache): Promise<void> {
    if (cache.length() === LONGEST) return;
    await cache.extend(0, 1);
    await read(program, cache, cache.length() + 1, 1);
    cache.truncate(0, 1);
  }
});

test.runIf(process.platform === 'linux')(
  'a request that is cancelled gives back its memory',
  async () => {
    await using program = await openWide();
    let cache: KvCache | undefined;
    const model = batchModel(program, (made) => {
      cache = made;
    });
    await using scheduler = new Scheduler(
      model,
      { slots: 2, capacity: 1024, idleTokens: 0 },
      'base',
    );
    const ids = new Int32Array(900).fill(3);
    const { events, cancel } = scheduler.admit({
      ...{ prompt: [{ type: 'text', ids }], adapter: 'base' },
      ...{ stopTokens: new Set(), maxNewTokens: 100 },
    });
    for await (const { type } of events) if (type === 'token') break;
    const [slot] = [0, 1].filter((each) => cache!.held(each) > 0);
    expect(cache!.held(slot)).toBeGreaterThanOrEqual(900);
    const before = process.memoryUsage.rss();
    cancel();
    await vi.waitFor(() => expect(cache!.held(slot)).toBe(0));
    const bytes = 900 * 2 * wide.layers * wide.heads * wide.headDim * 4;
    expect(before - process.memoryUsage.rss()).toBeGreaterThan(0.9 * bytes);
  },
);

test.each(formats)('what branches of a cache in %s have read goes with them', async (kv) => {
  await using program = await openWide();
  using cache = program.createCache({ kv, capacity: 1024, branches: 2 });
  await read(program, cache, 100);
  collectGarbage();
  const before = arrays();
  for (const slot of [1, 2]) {
    await cache.extend(0, slot);
    for (const end of [300, 500, 700]) await read(program, cache, end, slot);
  }
  expect(arrays() - before).toBeGreaterThan(1200 * widePositionBytes);
  for (const slot of [1, 2]) cache.truncate(0, slot);
  await cache.grow({}); // waits for what was asked before
  await vi.waitFor(() => {
    collectGarbage(); // what it finds is counted until another thread has freed it
    expect(arrays() - before).toBeLessThan(MiB);
  });
  expect((await read(program, cache, 101)).shape).toEqual([1, wide.heads * wide.headDim]);
});

test('branches of whatever length leave no views of what they continued', async () => {
  await using program = await openWide();
  using cache = program.createCache({ capacity: 1024, branches: 1 });
  const live = liveViews();
  const left: number[] = [];
  for (const length of [50, 60, 70, 80]) {
    cache.truncate(0);
    await read(program, cache, length);
    await cache.extend(0, 1);
    await read(program, cache, length + 1, 1);
    cache.truncate(0, 1);
    left.push(live.size);
  }
  vi.restoreAllMocks();
  expect(left.at(-1)).toBe(left[0]);
});

/** Addresses of tensors over memory of ours that are there, of those made from now on. */
function liveViews(): ReadonlySet<bigint> {
  const { api } = loadRuntime();
  const [create, release] = [api.create.bind(api), api.release.bind(api)];
  const live = new Set<bigint>();
  vi.spyOn(api, 'create').mockImplementation((doing, name, ...values) => {
    const handle = create(doing, name, ...values);
    if (name === 'CreateTensorWithDataAsOrtValue') live.add(handle);
    return handle;
  });
  vi.spyOn(api, 'release').mockImplementation((name, handle) => {
    live.delete(handle);
    release(name, handle);
  });
  return live;
}

/** The wide decoder as a scheduler sees it; it always says the same. */
function batchModel(program: Wide, onCache: (cache: KvCache) => void): BatchModel<'base'> {
  const runtime: DecoderRuntime = {
    origin: 'wide',
    rotary: rotaryPositions({
      ...{ headDim: wide.headDim, theta: 10_000, scaling: { kind: 'none' } },
    }),
    createCache(options) {
      const cache = program.createCache(options);
      onCache(cache);
      return cache;
    },
    encodeImage: () => Promise.reject(new Error('this model sees no pictures')),
    async decode({ angles, cache, segments }) {
      const tokens = segments.reduce((sum, segment) => sum + segment.tokens, 0);
      const qkv = randomFloats('rows', [tokens, 3 * wide.heads * wide.headDim]);
      const shape = [tokens, wide.headDim / 2];
      const table = (data: Float32Array) => ({ dtype: 'float32', shape, data }) as const;
      const inputs = { qkv, cos: table(angles.cos), sin: table(angles.sin) };
      const { y } = await program.run('wide', inputs, { cache, segments });
      y![Symbol.dispose]();
      return new Float32Array(4 * segments.length);
    },
  };
  return { runtime: () => runtime };
}

test('a cache on a device that finds no memory to grow goes on with the buffers that it has', async () => {
  let left = Infinity;
  const api = {
    create: () => {
      if (left-- <= 0) throw new Error('out of device memory');
      return 1n;
    },
    release: () => {},
  };
  const copied: (number | undefined)[][] = [];
  const memory = {
    ...{ allocator: 0n, join: async () => {}, [Symbol.dispose]() {} },
    copy: async (from: NativeValue, to: NativeValue) => {
      copied.push([from.shape[2], to.shape[2]]);
    },
  };
  const layer = { layer: 0, kvHeads: 2, headDim: 16 };
  const size = { layers: [layer], capacity: 8, slots: 2 };
  const store = deviceStore({ api } as unknown as Runtime, memory, size);
  store.views(0, 1);
  left = 3; // the keys find room, the values do not
  await expect(store.grow(16, () => 8)).rejects.toThrow(CacheMemoryError);
  left = Infinity;
  await store.copy(0, 1, 8);
  expect(copied).toEqual([
    [16, 16],
    [8, 8],
  ]);
  await store.grow(16, () => 8);
  expect(store.views(1, 1).get('0.values')?.shape[2]).toBe(16);
});
