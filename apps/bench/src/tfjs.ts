/**
 * TensorFlow.js beside ONNX Runtime on synthetic weights: four decoder layers of 1024 features (71 M
 * parameters) and two layers of a CLIP ViT-L tower on the 1601 patches of a 560 × 560 tile.
 *
 *     npm run bench -- tfjs
 *
 * The `tensorflow` rows need LINGBI_TFJS_BINDING or an installed binding of tfjs-node. Every runtime
 * runs in a process of its own, so that its memory can be told.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { EngineUnavailableError, tfjs } from '@lingbi/backend-tfjs';
import {
  activate,
  add,
  attention,
  type Backend,
  type Graph,
  type HostTensor,
  lastToken,
  layerNorm,
  linear,
  type Program,
  rmsNorm,
  rotaryAngles,
  selfAttention,
  swiglu,
  type Tensor,
  trace,
  type Weight,
  type WeightSource,
} from '@lingbi/core';
import { type Bench, milliseconds, type Row, rowOf } from './bench.ts';

const RUNS = 9;
const PROMPT = 512;
const decoderShape = { layers: 4, width: 1024, heads: 16, kvHeads: 8, headDim: 64, mlp: 4096 };
const towerShape = { layers: 2, width: 1024, heads: 16, mlp: 4096, rows: 1601 };
const vocabulary = 8192;

const runtimes = {
  'onnx, cpu': async () => (await import('@lingbi/backend-onnx')).onnx(),
  'tfjs, wasm': async () => tfjs({ engine: 'wasm' }),
  'tfjs, tensorflow': async () => tfjs({ engine: 'tensorflow' }),
  'tfjs, tensorflow bfloat16': async () => tfjs({ engine: 'tensorflow', weights: 'bfloat16' }),
  'tfjs, tensorflow int8': async () => tfjs({ engine: 'tensorflow', weights: 'int8' }),
  'tfjs, tensorflow int4': async () => tfjs({ engine: 'tensorflow', weights: 'int4' }),
} satisfies Record<string, () => Promise<Backend>>;
type RuntimeName = keyof typeof runtimes;

export const tfjsBench: Bench = {
  describe: 'TensorFlow.js engines and weight formats beside ONNX Runtime, on synthetic weights',
  run: benchTfjs,
};

/** Decode, prefill, tower and memory of every runtime that is here. */
async function benchTfjs(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const name of Object.keys(runtimes) as RuntimeName[]) rows.push(...(await runApart(name)));
  return rows;
}

async function runApart(name: RuntimeName): Promise<Row[]> {
  const file = fileURLToPath(import.meta.url);
  const run = promisify(execFile)(process.execPath, [...process.execArgv, file, name]);
  return JSON.parse((await run).stdout.trim().split('\n').at(-1)!);
}

async function benchRuntime(name: RuntimeName): Promise<Row[]> {
  try {
    const backend = await runtimes[name]();
    return [...(await benchDecoder(name, backend)), await benchTower(name, backend), rss(name)];
  } catch (error) {
    if (error instanceof EngineUnavailableError) return [];
    throw error;
  }
}

async function benchDecoder(name: string, backend: Backend): Promise<Row[]> {
  const graphs = { decode: decoderGraph() };
  await using program = await backend.compile(graphs, randomWeights(graphs.decode));
  using cache = program.createCache({ capacity: PROMPT + RUNS + 2 });
  const feed = (from: number, tokens: number) =>
    milliseconds(() => runOnce(program, 'decode', tokenInputs(from, tokens), { cache }));
  const prefill: number[] = [];
  for (let run = -1; run < RUNS; run++) {
    cache.truncate(0);
    const time = await feed(0, PROMPT);
    if (run >= 0) prefill.push(time);
  }
  const decode: number[] = [];
  for (let run = -1; run < RUNS; run++) {
    const time = await feed(cache.length(), 1);
    if (run >= 0) decode.push(time);
  }
  return [
    rowOf(`${name}: decode after ${PROMPT} tokens`, 'ms', decode),
    rowOf(`${name}: prefill ${PROMPT} tokens`, 'ms', prefill),
  ];
}

async function benchTower(name: string, backend: Backend): Promise<Row> {
  const graphs = { tower: towerGraph() };
  await using program = await backend.compile(graphs, randomWeights(graphs.tower));
  const x = randomTensor([towerShape.rows, towerShape.width]);
  const times: number[] = [];
  for (let run = -1; run < 3; run++) {
    const time = await milliseconds(() => runOnce(program, 'tower', { x }));
    if (run >= 0) times.push(time);
  }
  return rowOf(`${name}: 2 tower layers, 1 tile`, 'ms', times);
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

function decoderGraph(): Graph {
  const { layers, width, heads, kvHeads, headDim, mlp } = decoderShape;
  const angles = { shape: ['tokens', headDim / 2], dtype: 'float32' } as const;
  const inputs = { x: rows('tokens', width), cos: angles, sin: angles } as const;
  return trace('decode', inputs, ({ x, ...rotary }) => {
    for (let layer = 0; layer < layers; layer++) {
      const w = weightsOf(layer);
      const cache = { layer, kvHeads, headDim };
      const qkv = linear(rmsNorm(x, w('norm', width), 1e-5), w('qkv', 2 * width, width));
      const mixed = attention(qkv, rotary, { heads, cache });
      const attended = add(x, linear(mixed, w('out', width, width)));
      const normed = rmsNorm(attended, w('mlpNorm', width), 1e-5);
      const [gate, up] = [w('gate', mlp, width), w('up', mlp, width)];
      const gated = swiglu(linear(normed, gate), linear(normed, up));
      x = add(attended, linear(gated, w('down', width, mlp)));
    }
    return { y: linear(lastToken(x), { name: 'head', shape: [vocabulary, width] }) };
  });
}

function towerGraph(): Graph {
  const { layers, width, heads, mlp, rows: patches } = towerShape;
  return trace('tower', { x: rows(patches, width) }, ({ x }) => {
    for (let layer = 0; layer < layers; layer++) {
      const w = weightsOf(layer);
      const norm = (y: Tensor, part: string) =>
        layerNorm(y, w(`${part}.gain`, width), w(`${part}.bias`, width), 1e-5);
      const map = (y: Tensor, part: string, out: number, from: number) =>
        linear(y, w(part, out, from), w(`${part}.bias`, out));
      const normed = norm(x, 'norm');
      const [q, k, v] = ['q', 'k', 'v'].map((part) => map(normed, part, width, width));
      const attended = add(x, map(selfAttention(q!, k!, v!, heads), 'out', width, width));
      const mixed = activate(map(norm(attended, 'mlpNorm'), 'up', mlp, width), 'quickGelu');
      x = add(attended, map(mixed, 'down', width, mlp));
    }
    return { y: x };
  });
}

function rows(count: number | string, width: number) {
  return { shape: [count, width], dtype: 'float32' } as const;
}

function weightsOf(layer: number) {
  return (part: string, ...shape: number[]): Weight => ({ name: `${layer}.${part}`, shape });
}

function tokenInputs(from: number, tokens: number): Record<string, HostTensor> {
  const { headDim, width } = decoderShape;
  const rotary = { headDim, theta: 1e6, scaling: { kind: 'none' } } as const;
  const { cos, sin } = rotaryAngles(rotary, from, from + tokens, from + tokens);
  const shape = [tokens, headDim / 2];
  return {
    x: randomTensor([tokens, width]),
    cos: { dtype: 'float32', shape, data: cos },
    sin: { dtype: 'float32', shape, data: sin },
  };
}

/** Numbers of ±0.05, made when they are read. */
function randomWeights({ weights }: Graph): WeightSource {
  const shapes = new Map(weights.map(({ name, shape }) => [name, shape]));
  return {
    has: (name) => shapes.has(name),
    describe: (name) => ({
      shape: shapes.get(name)!,
      encoding: { kind: 'dense', dtype: 'float32' },
    }),
    read: async (name) =>
      new Uint8Array(randomTensor(shapes.get(name)!).data.buffer as ArrayBuffer),
  };
}

function randomTensor(shape: readonly number[]): HostTensor {
  const data = new Float32Array(shape.reduce((product, length) => product * length, 1));
  let state = 1;
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[i] = (state / 2 ** 32 - 0.5) / 10;
  }
  return { dtype: 'float32', shape, data };
}

/** The most memory the process ever had; the last rows of a runtime, since it counts everything before. */
function rss(name: string): Row {
  return rowOf(`${name}: peak memory`, 'MiB', [process.resourceUsage().maxRSS / 1024]);
}

// The process of one runtime, started by runApart.
if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const name = process.argv[2] as RuntimeName;
  console.log(JSON.stringify(await benchRuntime(name)));
}
