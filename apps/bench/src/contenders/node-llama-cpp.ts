/** llama.cpp through node-llama-cpp, with its prebuilt binary. Started by contender.ts. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Opening, Work } from './contender.ts';
import { promptIds, type Server, serve, timeOf } from './serve.ts';

/** What of node-llama-cpp is called here. */
interface LlamaSequence {
  clearHistory(): Promise<void>;
  evaluateWithoutGeneratingNewTokens(tokens: readonly number[]): Promise<void>;
  evaluate(tokens: readonly number[], options: object): AsyncGenerator<number>;
}

await serve(open);

async function open(opening: Opening): Promise<Server> {
  const { model: file, threads, capacity, packages, useMmap } = opening;
  const entry = createRequire(join(packages!, 'index.js')).resolve('node-llama-cpp');
  const { getLlama, LlamaLogLevel } = await import(pathToFileURL(entry).href);
  const logLevel = LlamaLogLevel.error;
  const llama = await getLlama({ gpu: false, build: 'never', maxThreads: threads, logLevel });
  const mapping = useMmap === undefined ? {} : { useMmap };
  const model = await llama.loadModel({ modelPath: file, gpuLayers: 0, ...mapping });
  // The prompt's last token is given to `evaluate`, hence one more.
  const contextSize = capacity + 1;
  const context = await model.createContext({ contextSize, batchSize: 512, threads });
  const sequence: LlamaSequence = context.getSequence();
  return {
    runtime: `llama.cpp ${llama.llamaCppRelease.release} (node-llama-cpp)`,
    work: (work) => doWork(work, sequence),
  };
}

async function doWork(work: Work, sequence: LlamaSequence): Promise<readonly number[]> {
  if (work.task === 'decode') return decode(work.tokens, sequence);
  if (work.task === 'tile') throw new Error('it has no vision tower');
  await sequence.clearHistory();
  const ids = [...promptIds(work.tokens)];
  return [await timeOf(() => sequence.evaluateWithoutGeneratingNewTokens(ids))];
}

/** Greedy, as ours. The first token comes with the reading of the one given. */
async function decode(tokens: number, sequence: LlamaSequence): Promise<readonly number[]> {
  const times: number[] = [];
  let last = performance.now();
  for await (const _ of sequence.evaluate([300], { temperature: 0 })) {
    const now = performance.now();
    times.push(now - last);
    last = now;
    if (times.length === tokens) break;
  }
  return times;
}
