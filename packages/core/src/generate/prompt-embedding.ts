import type { HostTensor } from '../backend/backend.ts';
import type { DecoderRuntime, DecodeStep } from './decoder-runtime.ts';
import { type Prompt, promptLength } from './prompt.ts';
import { type FeedOptions, finishPrefill, openSequence } from './sequence.ts';

/** What a model makes of a prompt, before it becomes words: the last hidden state, normed. */
export interface PromptEmbedding {
  /** Of every position: [positions, hiddenSize]. */
  readonly rows: HostTensor;
  /** Of the last one, which has seen them all: [hiddenSize]. */
  readonly last: Float32Array;
}

/**
 * Reads a prompt, chunk by chunk, and keeps the rows that `decodeRows` gives for each.
 *
 * @throws RangeError when the prompt is empty.
 */
export async function embedPrompt(
  runtime: DecoderRuntime,
  decodeRows: (step: DecodeStep) => Promise<HostTensor>,
  prompt: Prompt,
  options: FeedOptions = {},
): Promise<PromptEmbedding> {
  const positions = promptLength(prompt);
  let [all, read] = [new Float32Array(), 0];
  const keeping = async (step: DecodeStep) => {
    const { data, shape } = await decodeRows(step);
    if (read === 0) all = new Float32Array(positions * shape[1]!);
    all.set(data as Float32Array, read);
    read += data.length;
    return data as Float32Array;
  };
  using sequence = openSequence({ ...runtime, decode: keeping }, Math.max(1, positions));
  await finishPrefill(sequence.prefill(prompt, options));
  const [data, width] = [all, all.length / positions];
  const rows = { dtype: 'float32', shape: [positions, width], data } as const;
  return { rows, last: data.slice(-width) };
}
