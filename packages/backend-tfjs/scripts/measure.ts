/**
 * What an engine costs on this machine, on random weights: one layer of the shape of InternLM2-1.8B,
 * and one of CLIP ViT-L on the 1601 patches of a tile of 560 × 560 pixels.
 *
 *     npx tsx --conditions=lingbi:source packages/backend-tfjs/scripts/measure.ts [engine] [weights]
 *
 * Each figure is the best of its runs: milliseconds, and milliseconds of processor time of all threads
 * together, which other work on the machine changes less.
 */
import { cpus } from 'node:os';
import {
  activate,
  add,
  attention,
  type Graph,
  type HostTensor,
  lastToken,
  layerNorm,
  linear,
  type Program,
  rmsNorm,
  selfAttention,
  swiglu,
  trace,
  type Weight,
  type WeightSource,
} from '@lingbi/core';
import { type EngineName, tfjs, type WeightFormat } from '../src/index.ts';

const decoderSize = { hidden: 2048, heads: 16, kvHeads: 8, headDim: 128, inner: 8192 };
const towerSize = { hidden: 1024, heads: 16, inner: 4096, patches: 1601 };

const [engine = 'wasm', weights = 'float32'] = process.argv.slice(2);
const backend = tfjs({ engine: engine as EngineName, weights: weights as WeightFormat });
const graphs = { decode: decoderLayer(), tower: towerLayer() };
await using program = await backend.compile(graphs, randomWeights(Object.values(graphs)));
print('machine', `${cpus()[0]?.model}; ${program.device}; ${weights}`);
await measureDecoder(program);
await measureTower(program);
print('most memory ever', `${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MiB`);

async function measureDecoder(program: Program): Promise<void> {
  using cache = program.createCache({ capacity: 1024 });
  const step = async (past: number, tokens: number) => {
    cache.truncate(past);
    const angles = floats([tokens, decoderSize.headDim / 2]);
    const inputs = { x: floats([tokens, decoderSize.hidden]), cos: angles, sin: angles };
    await runOnce(program, 'decode', inputs, { cache });
  };
  print('prefill of 512', await best(4, () => step(0, 512)));
  await step(512, 1);
  let past = 512; // goes on instead of going back: truncating is no part of decoding
  print('decode after 512', await best(20, () => step(past++, 1)));
}

async function measureTower(program: Program): Promise<void> {
  const { patches, hidden } = towerSize;
  const x = floats([patches, hidden]);
  print('tower layer, a tile', await best(3, () => runOnce(program, 'tower', { x })));
}

async function runOnce(
  program: Program,
  graph: string,
  inputs: Readonly<Record<string, HostTensor>>,
  options: Parameters<Program['run']>[2] = {},
): Promise<void> {
  const { y } = await program.run(graph, inputs, options);
  await y!.read();
  y![Symbol.dispose]();
}

/** The first run is only to warm up. */
async function best(runs: number, task: () => Promise<void>): Promise<string> {
  await task();
  let [wall, processor] = [Infinity, Infinity];
  for (let run = 0; run < runs; run++) {
    const [start, before] = [performance.now(), process.cpuUsage()];
    await task();
    const { user, system } = process.cpuUsage(before);
    wall = Math.min(wall, performance.now() - start);
    processor = Math.min(processor, (user + system) / 1000);
  }
  return `${wall.toFixed(1)} ms, processor ${processor.toFixed(1)} ms`;
}

function decoderLayer(): Graph {
  const { hidden, heads, kvHeads, headDim, inner } = decoderSize;
  const angles = { shape: ['tokens', headDim / 2], dtype: 'float32' } as const;
  const inputs = {
    x: { shape: ['tokens', hidden], dtype: 'float32' },
    cos: angles,
    sin: angles,
  } as const;
  return trace('decode', inputs, ({ x, ...rotary }) => {
    const cache = { layer: 0, kvHeads, headDim };
    const qkv = linear(
      rmsNorm(x, weight('norm', hidden), 1e-5),
      weight('qkv', (heads + 2 * kvHeads) * headDim, hidden),
    );
    const mixed = attention(qkv, rotary, { heads, cache });
    const attended = add(x, linear(mixed, weight('out', hidden, heads * headDim)));
    const normed = rmsNorm(attended, weight('mlpNorm', hidden), 1e-5);
    const up = linear(normed, weight('up', inner, hidden));
    const gated = swiglu(linear(normed, weight('gate', inner, hidden)), up);
    return { y: lastToken(add(attended, linear(gated, weight('down', hidden, inner)))) };
  });
}

function towerLayer(): Graph {
  const { hidden, heads, inner, patches } = towerSize;
  const inputs = { x: { shape: [patches, hidden], dtype: 'float32' } } as const;
  const bias = (part: string, width: number) => weight(`tower.${part}.bias`, width);
  return trace('tower', inputs, ({ x }) => {
    const map = (rows: typeof x, part: string, out: number, width: number) =>
      linear(rows, weight(`tower.${part}`, out, width), bias(part, out));
    const norm = (rows: typeof x, part: string) =>
      layerNorm(rows, weight(`tower.${part}`, hidden), bias(part, hidden), 1e-5);
    const normed = norm(x, 'norm');
    const [q, k, v] = ['q', 'k', 'v'].map((part) => map(normed, part, hidden, hidden));
    const mixed = selfAttention(q!, k!, v!, heads);
    const attended = add(x, map(mixed, 'out', hidden, hidden));
    const wide = activate(map(norm(attended, 'mlpNorm'), 'up', inner, hidden), 'quickGelu');
    return { y: add(attended, map(wide, 'down', hidden, inner)) };
  });
}

function weight(name: string, ...shape: number[]): Weight {
  return { name, shape };
}

/** Made when they are read. */
function randomWeights(all: readonly Graph[]): WeightSource {
  const shapes = new Map(
    all.flatMap((graph) => graph.weights.map(({ name, shape }) => [name, shape] as const)),
  );
  const encoding = { kind: 'dense', dtype: 'float32' } as const;
  return {
    has: (name) => shapes.has(name),
    describe: (name) => ({ shape: shapes.get(name)!, encoding }),
    read: async (name) => new Uint8Array(floats(shapes.get(name)!).data.buffer as ArrayBuffer),
  };
}

/** Numbers of up to ±0.05. */
function floats(shape: readonly number[]): HostTensor {
  const data = new Float32Array(shape.reduce((size, length) => size * length, 1));
  let state = 1;
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[i] = (state / 2 ** 32 - 0.5) / 10;
  }
  return { dtype: 'float32', shape, data };
}

function print(what: string, figure: string): void {
  console.log(`${what.padEnd(22)}${figure}`);
}
