/** lingbi on ONNX Runtime, through what a user calls: `openModel`. Started by contender.ts. */
import { onnx } from '@lingbi/backend-onnx';
import { finishPrefill, type HostTensor, likeliest, type Sequence } from '@lingbi/core';
import { type Model, openModel } from '@lingbi/tasks';
import type { Opening, Work } from './contender.ts';
import { promptIds, type Server, serve, timeOf } from './serve.ts';

await serve(open);

async function open({
  model: folder,
  threads,
  capacity,
  kv,
  largePages,
}: Opening): Promise<Server> {
  const backend = onnx({ threads, ...(largePages && { largePages }) });
  const model = await openModel(folder, { backend, ...(kv && { kv }) });
  const sequence = model.xcomposer.openSequence({ capacity });
  let logits: Float32Array = new Float32Array();
  const read = async (tokens: number) => {
    sequence.truncate(0);
    logits = await finishPrefill(sequence.prefill([{ type: 'text', ids: promptIds(tokens) }]));
  };
  const write = async () => {
    logits = await sequence.feed(likeliest(logits), { spare: logits });
  };
  return {
    runtime: `lingbi, ${model.device}`,
    work: (work) => doWork(work, { model, sequence, read, write }),
  };
}

interface Parts {
  readonly model: Model;
  readonly sequence: Sequence;
  read(tokens: number): Promise<void>;
  write(): Promise<void>;
}

async function doWork(work: Work, { model, read, write }: Parts): Promise<readonly number[]> {
  switch (work.task) {
    case 'prefill':
      return [await timeOf(() => read(work.tokens))];
    case 'decode':
      return timesOf(work.tokens, write);
    case 'tile': {
      const pixels = tilePixels(model);
      return [await timeOf(() => encodeTile(model, pixels))];
    }
    default:
      return work satisfies never;
  }
}

async function timesOf(count: number, task: () => Promise<void>): Promise<readonly number[]> {
  const times: number[] = [];
  for (let at = 0; at < count; at++) times.push(await timeOf(task));
  return times;
}

function tilePixels({ xcomposer }: Model): HostTensor {
  const { tileSize } = xcomposer.tower;
  const data = Float32Array.from({ length: 3 * tileSize ** 2 }, (_, at) => Math.sin(at * 0.7));
  return { dtype: 'float32', shape: [3, tileSize, tileSize], data };
}

async function encodeTile({ xcomposer }: Model, pixels: HostTensor): Promise<void> {
  const { rows } = await xcomposer.program.run('vision', { pixels });
  rows![Symbol.dispose]();
}
