/** Keys and values in int8 beside float32: what they save, and what they cost. */
import { finishPrefill, generate, type Prompt, type Sequence, type XComposer } from '@lingbi/core';
import { medianOf, type Row, rowOf } from '../bench.ts';
import { benchText, settledMemory, withBenchModel } from './bench-model.ts';

const POSITIONS = 8192;
const STEPS = 12;
const ROUNDS = 3;
const formats = ['float32', 'int8'] as const;
type Formats<T> = Record<(typeof formats)[number], T>;

export function measureInt8Cache(layers: number): Promise<Row[]> {
  const shape = { layers, vision: false };
  return withBenchModel(shape, (wide) =>
    withBenchModel({ ...shape, kv: 'int8' }, (narrow) => compare({ float32: wide, int8: narrow })),
  );
}

async function compare(models: Formats<XComposer>): Promise<Row[]> {
  const memory: Formats<number> = { float32: 0, int8: 0 };
  const reading: Formats<number> = { float32: 0, int8: 0 };
  const steps: Formats<number[]> = { float32: [], int8: [] };
  const prompt: Prompt = [benchText(POSITIONS)];
  const sequences = {} as Formats<Sequence>;
  for (const kv of formats) {
    await warmUp(models[kv]);
    const before = await settledMemory();
    sequences[kv] = models[kv].openSequence({ capacity: POSITIONS + 64 });
    reading[kv] = await timeOf(() => finishPrefill(sequences[kv].prefill(prompt)));
    await stepTimes(sequences[kv], prompt);
    memory[kv] = (await settledMemory()) - before;
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const kv of formats) steps[kv].push(...(await stepTimes(sequences[kv], prompt)));
  }
  for (const kv of formats) sequences[kv][Symbol.dispose]();
  return [
    ...formats.map((kv) => rowOf(`${kv} cache, reading 8K positions`, 'ms', [reading[kv]])),
    ...formats.map((kv) => rowOf(`${kv} cache, a step after 8K positions`, 'ms', steps[kv])),
    ...formats.map((kv) => rowOf(`${kv} cache, memory that 8K positions add`, 'MiB', [memory[kv]])),
    rowOf('int8 ÷ float32, reading', '×', [reading.int8 / reading.float32]),
    rowOf('int8 ÷ float32, a step', '×', [medianOf(steps.int8) / medianOf(steps.float32)]),
    rowOf('int8 ÷ float32, memory', '×', [memory.int8 / memory.float32]),
  ];
}

/** So that graphs are compiled and their arenas are there. */
async function warmUp(model: XComposer): Promise<void> {
  using sequence = model.openSequence({ capacity: 1088 });
  await stepTimes(sequence, [benchText(1024)]);
}

async function stepTimes(sequence: Sequence, prompt: Prompt): Promise<number[]> {
  const times: number[] = [];
  const options = { stopTokens: new Set<number>(), maxNewTokens: STEPS };
  let last = performance.now();
  for await (const { type } of generate(sequence, prompt, options)) {
    if (type !== 'token') continue;
    times.push(performance.now() - last);
    last = performance.now();
  }
  return times.slice(2);
}

async function timeOf(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}
