import type { StoredTensor } from '@lingbi/core';
import { OptionError } from './errors.ts';
import type { DescribedTensors } from './plan-weights.ts';

/** Task adapters that a converted checkpoint may hold; plain chat is always there. */
export type TaskAdapter = 'web' | 'write';

/** The checkpoint's names for what each is made of (spec MODEL §1.3). */
const lorasOf: Readonly<Record<TaskAdapter, readonly string[]>> = {
  web: ['lora_web'],
  write: ['lora_sft', 'lora_dpo'],
};

/**
 * The tensors of a checkpoint but for those of adapters that nobody asked for.
 *
 * @throws OptionError when it holds nothing of an adapter that is wanted.
 */
export function withAdapters<Tensors extends DescribedTensors>(
  tensors: Tensors,
  wanted: readonly TaskAdapter[] | undefined,
): DescribedTensors {
  if (!wanted) return tensors;
  for (const adapter of wanted) requireHeld(adapter, tensors);
  const dropped = (Object.keys(lorasOf) as TaskAdapter[])
    .filter((adapter) => !wanted.includes(adapter))
    .flatMap((adapter) => lorasOf[adapter]);
  const isKept = (name: string) => !isOf(dropped, name);
  return {
    names: tensors.names.filter(isKept),
    has: (name) => isKept(name) && tensors.has(name),
    describe: (name): StoredTensor => tensors.describe(name),
  };
}

function isOf(loras: readonly string[], name: string): boolean {
  return loras.some((lora) => name.includes(`.${lora}_`));
}

function requireHeld(adapter: TaskAdapter, { names }: DescribedTensors): void {
  if (names.some((name) => isOf(lorasOf[adapter], name))) return;
  throw new OptionError(
    `adapters: ${adapter} (--adapters)`,
    `the checkpoint has no ${adapter} adapter`,
  );
}

// What checkpoints of this family hold besides, and nobody needs (spec MODEL §2).
const needless = [
  /\.post_layernorm\.(weight|bias)$/,
  /\.position_ids$/,
  /\.inv_freq$/,
  /\.rotary_emb\./,
];

/** Tensors that no weight is made of, though they are none of those that are known to be needless. */
export function unknownTensors(names: readonly string[], used: ReadonlySet<string>): string[] {
  return names.filter((name) => !used.has(name) && !needless.some((each) => each.test(name)));
}
