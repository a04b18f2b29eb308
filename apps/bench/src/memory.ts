/**
 * What `planMemory` says before a model is opened, beside the most memory that a fresh process really
 * takes to open it and answer once. Weights are random.
 *
 *     npm run bench -- memory
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import type { Backend, KvFormat } from '@lingbi/core';
import { type SynthOptions, synthCheckpoint, synthShapes } from '@lingbi/hub';
import { describeCheckpoint, openModel, type PlanRequest, planMemory } from '@lingbi/tasks';
import { type Bench, type Row, rowOf } from './bench.ts';

const tower = { hiddenSize: 1024, mlpSize: 4096, heads: 16, tileSize: 560, patchSize: 14 };

/** A tenth of a billion parameters, and a third of the published tower. */
const small = {
  ...{ vocabularySize: 32_000, hiddenSize: 1024, mlpSize: 4096, layers: 8, heads: 16, kvHeads: 8 },
  ...{ loraRanks: { Plora: 64 }, vision: { ...tower, layers: 8 } },
};
const large = { ...synthShapes['internlm2-1.8b'], loraRanks: { Plora: 256 } };

const checkpoints = {
  'small float32': { shape: small, weights: 'f32', vision: 'f32' },
  'small bfloat16': { shape: small, weights: 'bf16', vision: 'f32' },
  'small int4': { shape: small, weights: 'int4', vision: 'f32' },
  '1.8B int4': { shape: large, weights: 'int4', vision: 'f32' },
} satisfies Record<string, SynthOptions>;
type CheckpointName = keyof typeof checkpoints;

const backends = {
  onnx: async () => (await import('@lingbi/backend-onnx')).onnx(),
  wasm: async () => (await import('@lingbi/backend-tfjs')).tfjs({ engine: 'wasm' }),
} satisfies Record<string, () => Promise<Backend>>;

interface MemoryCase {
  readonly checkpoint: CheckpointName;
  readonly backend: keyof typeof backends;
  readonly request: Required<Pick<PlanRequest, 'textTokens' | 'maxNewTokens' | 'beams'>>;
  /** Width and height of the picture that is shown. */
  readonly picture?: readonly [width: number, height: number];
  /** How keys and values are kept. Default: as is usual for its weights. */
  readonly kv?: KvFormat;
}

const short = { textTokens: 512, maxNewTokens: 8, beams: 1 };
const long = { textTokens: 4096, maxNewTokens: 8, beams: 1 };
const cases: readonly MemoryCase[] = [
  { checkpoint: 'small float32', backend: 'onnx', request: short },
  { checkpoint: 'small float32', backend: 'onnx', request: long },
  { checkpoint: 'small float32', backend: 'onnx', request: short, picture: [1680, 1120] },
  { checkpoint: 'small bfloat16', backend: 'onnx', request: short },
  { checkpoint: 'small bfloat16', backend: 'onnx', request: { ...long, beams: 3 } },
  { checkpoint: 'small bfloat16', backend: 'onnx', request: long, kv: 'int8' },
  { checkpoint: 'small int4', backend: 'onnx', request: long, picture: [560, 560] },
  { checkpoint: '1.8B int4', backend: 'onnx', request: short },
  { checkpoint: '1.8B int4', backend: 'onnx', request: long, picture: [1120, 560] },
  { checkpoint: '1.8B int4', backend: 'onnx', request: { ...long, beams: 3 } },
  { checkpoint: '1.8B int4', backend: 'onnx', request: long, kv: 'int8' },
  { checkpoint: 'small bfloat16', backend: 'wasm', request: short },
  { checkpoint: 'small bfloat16', backend: 'wasm', request: short, picture: [560, 560] },
];

export const memoryBench: Bench = {
  describe: 'The most memory of a process that opens a model and answers, beside what was planned',
  run: benchMemory,
};

async function benchMemory(): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'lingbi-memory-'));
  try {
    const rows: Row[] = [];
    for (const each of cases) rows.push(await measureApart(each, folder));
    return rows;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** In a process of its own, so that nothing but this case counts. */
async function measureApart(measured: MemoryCase, folder: string): Promise<Row> {
  const checkpoint = join(folder, measured.checkpoint.replace(' ', '-'));
  if (!(await stat(checkpoint).catch(() => undefined))) {
    await synthCheckpoint(checkpoint, checkpoints[measured.checkpoint]);
  }
  const file = fileURLToPath(import.meta.url);
  const given = [file, checkpoint, JSON.stringify(measured)];
  const run = await promisify(execFile)(process.execPath, [...process.execArgv, ...given]);
  const { peak, planned } = JSON.parse(run.stdout.trim().split('\n').at(-1)!) as Measured;
  const row = rowOf(nameOf(measured), 'MiB', [peak / 2 ** 20], {
    name: 'planned',
    median: planned / 2 ** 20,
  });
  console.error(`${row.figure}: ${(peak / planned).toFixed(2)} of what was planned`);
  return row;
}

interface Measured {
  readonly peak: number;
  readonly planned: number;
}

function nameOf({ checkpoint, backend, request, picture, kv }: MemoryCase): string {
  const { textTokens, beams } = request;
  const parts = [`${textTokens} tokens of text`, picture && `a picture of ${picture.join(' × ')}`];
  const others = [beams > 1 && `${beams} beams`, kv && `${kv} cache`];
  const shown = [...parts, ...others].filter((part) => part);
  return `${backend}, ${checkpoint}: ${shown.join(', ')}`;
}

/** What a process has that imported the built packages; one that compiles TypeScript has 50 to 60 MiB more. */
const BUILT_BYTES = 70 * 2 ** 20;

async function measure(checkpoint: string, measured: MemoryCase): Promise<Measured> {
  const compiler = process.memoryUsage.rss() - BUILT_BYTES;
  const { request, picture, backend: name } = measured;
  const format = measured.kv && { kv: measured.kv };
  const backend = await backends[name]();
  const images = picture ? [{ width: picture[0], height: picture[1] }] : [];
  const described = await describeCheckpoint(checkpoint, { backend, ...format });
  const planned = planMemory(described, { ...request, images, capacityStep: 1024 }).peak;
  await using model = await openModel(checkpoint, {
    ...{ backend, ...format },
    memoryBudget: Number.POSITIVE_INFINITY,
  });
  await using chat = model.chat({ hdNum: 24 });
  const { maxNewTokens, beams } = request;
  const shown = images.map(({ width, height }) => {
    return {
      width,
      height,
      channels: 3,
      data: new Uint8Array(width * height * 3).fill(120),
    } as const;
  });
  const options = { images: shown, maxNewTokens, minNewTokens: maxNewTokens, beams };
  await chat.ask('a'.repeat(request.textTokens - 20), options);
  return { peak: process.resourceUsage().maxRSS * 1024 - compiler, planned };
}

// The process of one case, started by measureApart.
if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [checkpoint, measured] = process.argv.slice(2);
  console.log(JSON.stringify(await measure(checkpoint!, JSON.parse(measured!))));
}
