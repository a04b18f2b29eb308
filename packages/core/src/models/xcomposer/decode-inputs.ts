import type { Inputs, Outputs, RunOptions } from '../../backend/backend.ts';
import { readOnce } from '../../backend/read-once.ts';
import type { DecodeStep } from '../../generate/decoder-runtime.ts';
import { actingInput } from '../internlm2/decoder.ts';

/** What a decoder's graph takes: tokens or rows, and the angles of their positions. */
export function decodeInputs(step: DecodeStep): Inputs {
  const { angles } = step;
  const isText = step.kind === 'text';
  const tokens = isText ? step.ids.length : step.rows.shape[0]!;
  const shape = [tokens, angles.cos.length / tokens];
  return {
    ...(isText
      ? { ids: { dtype: 'int32', shape: [tokens], data: step.ids } }
      : { rows: step.rows }),
    cos: { dtype: 'float32', shape, data: angles.cos },
    sin: { dtype: 'float32', shape, data: angles.sin },
  };
}

/** For each adapter, 1 for each token of its segments. */
export function actingInputs(
  { segments }: DecodeStep,
  adapters: readonly string[],
  acting: readonly string[],
): Inputs {
  const ofTokens = segments.flatMap(({ tokens }, i) => Array<string>(tokens).fill(adapters[i]!));
  const inputs = acting.map((adapter) => {
    const data = Float32Array.from(ofTokens, (each) => (each === adapter ? 1 : 0));
    return [actingInput(adapter), { dtype: 'float32', shape: [data.length, 1], data }] as const;
  });
  return Object.fromEntries(inputs);
}

export function runOptions({ cache, segments, signal }: DecodeStep): RunOptions {
  return { cache, segments, ...(signal && { signal }) };
}

/** The logits of a run; its hidden states are not wanted. */
export async function logitsOf(
  { hidden, logits }: Outputs,
  { spare }: DecodeStep,
): Promise<Float32Array> {
  hidden![Symbol.dispose]();
  return (await readOnce(logits!, spare)).data as Float32Array;
}
