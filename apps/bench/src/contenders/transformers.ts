/** transformers.js on the same weights: onnxruntime-node's `session.run` underneath. Started by contender.ts. */
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Opening, Work } from './contender.ts';
import { promptIds, type Server, serve, timeOf } from './serve.ts';

await serve(open);

/** What of transformers.js is called here. */
interface Transformers {
  readonly env: { allowRemoteModels: boolean; readonly version: string };
  readonly AutoModelForCausalLM: {
    from_pretrained(folder: string, options: object): Promise<CausalModel>;
  };
  readonly Tensor: new (type: string, data: BigInt64Array, shape: number[]) => unknown;
}
interface CausalModel {
  generate(options: object): Promise<GenerationResult>;
}
interface GenerationResult {
  readonly past_key_values: unknown;
  readonly sequences: { readonly data: BigInt64Array; readonly dims: number[] };
}

async function open({ model: folder, threads, packages }: Opening): Promise<Server> {
  const entry = createRequire(join(packages!, 'index.js')).resolve('@huggingface/transformers');
  const library: Transformers = await import(pathToFileURL(entry).href);
  library.env.allowRemoteModels = false;
  const model = await library.AutoModelForCausalLM.from_pretrained(folder, {
    dtype: 'fp32', // as the file has it: MatMulNBits inside
    device: 'cpu',
    use_external_data_format: readdirSync(join(folder, 'onnx')).length - 1,
    session_options: { intraOpNumThreads: threads },
  });
  const state: State = { library, model };
  return {
    runtime: `transformers.js ${library.env.version}`,
    work: (work) => doWork(work, state),
  };
}

interface State {
  readonly library: Transformers;
  readonly model: CausalModel;
  last?: GenerationResult;
}

async function doWork(work: Work, state: State): Promise<readonly number[]> {
  if (work.task === 'tile') throw new Error('it has no vision tower');
  const { tokens } = work;
  if (work.task === 'prefill') {
    const ids = BigInt64Array.from(promptIds(tokens), BigInt);
    return [await timeOf(() => generate(state, ids, 1))];
  }
  // A call that writes n tokens reads the last one that is not in its past yet, then n − 1 more.
  return generate(state, state.last!.sequences.data, tokens);
}

/** How long each token took, in milliseconds; the first with what a call costs. */
async function generate(
  state: State,
  ids: BigInt64Array,
  tokens: number,
): Promise<readonly number[]> {
  const times: number[] = [];
  let before = performance.now();
  const put = () => {
    const now = performance.now();
    times.push(now - before);
    before = now;
  };
  const { library, model, last } = state;
  const tensor = (data: BigInt64Array) => new library.Tensor('int64', data, [1, data.length]);
  const goesOn = last !== undefined && ids === last.sequences.data;
  state.last = await model.generate({
    input_ids: tensor(ids),
    attention_mask: tensor(new BigInt64Array(ids.length).fill(1n)),
    ...(goesOn && { past_key_values: last.past_key_values }),
    max_new_tokens: tokens,
    min_new_tokens: tokens,
    do_sample: false,
    return_dict_in_generate: true,
    streamer: { put, end: () => {} },
  });
  return times.slice(-tokens); // what it is told of first is the prompt
}
