/** Adapters as PEFT writes them, made up for tests. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { randomFloats } from '../../testing/noise.ts';
import { writeSafetensors } from '../../weights/safetensors/write-safetensors.ts';

/** [out, in] of the linears of the micro checkpoint that an adapter may be for. */
const microLinears: Readonly<Record<string, readonly [out: number, width: number]>> = {
  'attention.wqkv': [128, 64],
  'attention.wo': [64, 64],
  'feed_forward.w1': [128, 64],
  'feed_forward.w3': [128, 64],
  'feed_forward.w2': [64, 128],
};

export interface MadeUpAdapter {
  readonly seed: string;
  readonly rank?: number;
  /** How large B is; 0 makes an adapter that changes nothing. */
  readonly size?: number;
  readonly linears?: readonly string[];
  readonly config?: Readonly<Record<string, unknown>>;
  readonly more?: Readonly<Record<string, readonly number[]>>;
}

/** The matrices by the names that PEFT gives them. */
function madeUpMatrices({
  seed,
  rank = 4,
  size = 0.3,
  linears = Object.keys(microLinears),
}: MadeUpAdapter) {
  const matrices = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const layer of [0, 1, 2]) {
    for (const linear of linears) {
      const [out, width] = microLinears[linear] ?? [4, 4];
      const root = `base_model.model.model.layers.${layer}.${linear}`;
      const add = (half: 'A' | 'B', shape: readonly number[], scale: number) => {
        const { data } = randomFloats(`${seed} ${root} ${half}`, shape, scale);
        matrices.set(`${root}.lora_${half}.weight`, { shape, data: data as Float32Array });
      };
      add('A', [rank, width], 0.3);
      add('B', [out, rank], size);
    }
  }
  return matrices;
}

export async function writeAdapter(folder: string, made: MadeUpAdapter): Promise<string> {
  await mkdir(folder, { recursive: true });
  const { rank = 4, linears = Object.keys(microLinears), config } = made;
  const settings = {
    peft_type: 'LORA',
    task_type: 'CAUSAL_LM',
    r: rank,
    lora_alpha: 2 * rank,
    bias: 'none',
  };
  const json = { ...settings, target_modules: linears, ...config };
  await writeFile(join(folder, 'adapter_config.json'), JSON.stringify(json));
  const more = Object.entries(made.more ?? {}).map(
    ([name, shape]) =>
      [name, { shape, data: randomFloats(name, shape).data as Float32Array }] as const,
  );
  const tensors = [...madeUpMatrices(made), ...more].map(([name, { shape, data }]) => {
    return {
      name,
      shape,
      dtype: 'float32' as const,
      bytes: () => new Uint8Array(data.buffer, 0, data.byteLength),
    };
  });
  await writeSafetensors(join(folder, 'adapter_model.safetensors'), tensors);
  return folder;
}
