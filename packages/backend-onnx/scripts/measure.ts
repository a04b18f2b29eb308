/**
 * What this backend costs on this machine, on random weights of the shape of InternLM2-1.8B:
 *
 *     npx tsx --conditions=lingbi:source packages/backend-onnx/scripts/measure.ts [mapped|bfloat16|int4] [layers] [prepack]
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import {
  add,
  attention,
  type Graph,
  type HostTensor,
  lastToken,
  linear,
  type Program,
  rmsNorm,
  scale,
  swiglu,
  trace,
  type Weight,
  type WeightDescription,
  type WeightSource,
} from '@lingbi/core';
import { onnx } from '../src/index.ts';

const [hidden, heads, kvHeads, headDim, inner] = [2048, 16, 8, 128, 8192];
const [encoding = 'mapped', layers = '2', prepack] = process.argv.slice(2);

await measureOverhead();
await measureDecoder(Number(layers), encoding);

async function measureOverhead(): Promise<void> {
  const x = { shape: [4], dtype: 'float32' } as const;
  const graph = trace('tiny', { x }, ({ x }) => ({ y: scale(x, 2) }));
  await using program = await onnx({ threads: 1 }).compile({ graph }, sourceOf([], 'none', ''));
  const given = { x: floats([4]) };
  const times = await timed(2000, async () => {
    const { y } = await program.run('graph', given);
    y![Symbol.dispose]();
  });
  print('a run of one tiny operator', `${(median(times) * 1000).toFixed(0)} µs`);
}

async function measureDecoder(count: number, encoding: string): Promise<void> {
  const graph = decoder(count);
  const folder = mkdtempSync(path.join(tmpdir(), 'lingbi-measure-'));
  try {
    const source = sourceOf(graph.weights, encoding, folder);
    const before = memory();
    const started = performance.now();
    const backend = onnx({ prepack: prepack === 'prepack' });
    await using program = await backend.compile({ decode: graph, twin: graph }, source);
    const numbers = graph.weights.reduce((all, { shape }) => all + shape.reduce(product), 0);
    print('machine', `${cpus()[0]?.model}, ${program.device}`);
    print(
      'weights',
      `${encoding}, ${count} layers, ${(numbers / 1e6).toFixed(0)} M numbers, in two graphs`,
    );
    print('compile', `${((performance.now() - started) / 1000).toFixed(2)} s, ${grown(before)}`);
    await measureSteps(program, count);
    print('after running', grown(before));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function measureSteps(program: Program, count: number): Promise<void> {
  using cache = program.createCache({ capacity: 1024 });
  const step = async (tokens: number) => {
    const angles = floats([tokens, headDim / 2]);
    const inputs = { x: floats([tokens, hidden]), cos: angles, sin: angles };
    const { y } = await program.run('decode', inputs, { cache });
    y![Symbol.dispose]();
  };
  const prefill = await timed(5, async () => {
    cache.truncate(0);
    await step(512);
  });
  const few = await timed(20, async () => {
    cache.truncate(512);
    await step(4);
  });
  const decode = await timed(40, async () => {
    cache.truncate(512);
    await step(1);
  });
  const perLayer = (times: readonly number[]) => (median(times) / count).toFixed(2);
  print('prefill of 512', `${perLayer(prefill)} ms a layer`);
  print('four tokens after 512', `${perLayer(few)} ms a layer`);
  print('decode after 512', `${perLayer(decode)} ms a layer and token`);
}

function decoder(count: number): Graph {
  const angles = { shape: ['tokens', headDim / 2], dtype: 'float32' } as const;
  const inputs = {
    x: { shape: ['tokens', hidden], dtype: 'float32' },
    cos: angles,
    sin: angles,
  } as const;
  return trace('decode', inputs, ({ x, cos, sin }) => {
    for (let layer = 0; layer < count; layer++) {
      const at = (part: string, ...shape: number[]): Weight => ({
        name: `${layer}.${part}`,
        shape,
      });
      const qkv = linear(
        rmsNorm(x, at('norm', hidden), 1e-5),
        at('qkv', (heads + 2 * kvHeads) * headDim, hidden),
      );
      const cache = { layer, kvHeads, headDim };
      const attended = attention(qkv, { cos, sin }, { heads, cache });
      x = add(x, linear(attended, at('out', hidden, heads * headDim)));
      const mixed = rmsNorm(x, at('mlpNorm', hidden), 1e-5);
      const gate = linear(mixed, at('gate', inner, hidden));
      const gated = swiglu(gate, linear(mixed, at('up', inner, hidden)));
      x = add(x, linear(gated, at('down', hidden, inner)));
    }
    return { y: lastToken(x) };
  });
}

/** Random weights, in a file as float32, or made when they are read. */
function sourceOf(weights: readonly Weight[], encoding: string, folder: string): WeightSource {
  const file = path.join(folder, 'weights.bin');
  const places = new Map<string, WeightDescription>();
  let offset = 0;
  for (const { name, shape } of weights) {
    const length = shape.reduce(product) * 4;
    const dtype = encoding === 'bfloat16' ? 'bfloat16' : 'float32';
    const isBlocks = encoding === 'int4' && shape.length === 2;
    places.set(name, {
      shape,
      encoding: isBlocks
        ? { kind: 'blocks', bits: 4, blockSize: 128, zeroPoints: false }
        : { kind: 'dense', dtype },
      ...(encoding === 'mapped' && { at: { values: { file, offset, length } } }),
    });
    offset += length;
  }
  if (encoding === 'mapped') {
    for (const { name, shape } of weights) {
      const { data } = floats(shape, seedOf(name));
      writeFileSync(file, new Uint8Array(data.buffer), { flag: 'a' });
    }
  }
  return {
    has: (name) => places.has(name),
    describe: (name) => places.get(name)!,
    read: async (name, part = 'values') => makeBytes(places.get(name)!, part, seedOf(name)),
  };
}

function makeBytes({ shape, encoding }: WeightDescription, part: string, seed: number): Uint8Array {
  const numbers = shape.reduce(product);
  if (encoding.kind === 'blocks') {
    if (part === 'zeroPoints') return new Uint8Array(0);
    if (part === 'scales') return bytesOf(floats([numbers / encoding.blockSize], seed));
    return Uint8Array.from({ length: numbers / 2 }, (_, i) => (i * 89 + seed) % 251);
  }
  if (encoding.kind === 'dense' && encoding.dtype === 'float32')
    return bytesOf(floats(shape, seed));
  return new Uint8Array(new Uint16Array(numbers).fill(0x3c00 + seed).buffer);
}

function floats(shape: readonly number[], seed = 0): HostTensor & { data: Float32Array } {
  const data = Float32Array.from(
    { length: shape.reduce(product) },
    (_, i) => ((i * 37 + seed) % 101) / 5e3 - 0.01,
  );
  return { dtype: 'float32', shape, data };
}

/** Another for each weight: equal ones would be prepacked only once. */
function seedOf(name: string): number {
  return [...name].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) % 97, 7);
}

function bytesOf({ data }: HostTensor & { data: Float32Array }): Uint8Array {
  return new Uint8Array(data.buffer);
}

function product(a: number, b: number): number {
  return a * b;
}

async function timed(times: number, task: () => Promise<void>): Promise<number[]> {
  await task();
  const found: number[] = [];
  for (let i = 0; i < times; i++) {
    const started = performance.now();
    await task();
    found.push(performance.now() - started);
  }
  return found;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

/** Resident memory in MiB: what is ours alone, and pages of files that the system may drop. */
function memory(): { own: number; file: number } {
  const status = readFileSync('/proc/self/status', 'utf8');
  const field = (name: string) => Number(status.match(new RegExp(`${name}:\\s+(\\d+)`))![1]) / 1024;
  return { own: field('RssAnon'), file: field('RssFile') };
}

function grown(before: ReturnType<typeof memory>): string {
  const now = memory();
  return `${(now.own - before.own).toFixed(0)} MiB own + ${(now.file - before.file).toFixed(0)} MiB of mapped files`;
}

function print(what: string, value: string): void {
  console.log(`${what.padEnd(28)} ${value}`);
}
