import {
  type Checkpoint,
  CheckpointError,
  type StoredDType,
  toFloat32,
  type WeightPart,
} from '@lingbi/core';
import {
  describePacked,
  type PackedLinear,
  readPackedNumbers,
  readPackedParts,
} from './packed-linear.ts';

/** A checkpoint whose linears may be packed, seen as if they were plain. */
export interface UnpackedCheckpoint extends Checkpoint {
  /** How the tensor of that name is packed; undefined when it is plain. */
  packed(name: string): PackedLinear | undefined;
  /** The parts of a packed tensor in our own layout; without loss where scales are as wide as its own. */
  readParts(
    name: string,
    scales: StoredDType,
    signal?: AbortSignal,
  ): Promise<Readonly<Record<WeightPart, Uint8Array>>>;
}

const PACKED = ['qweight', 'qzeros', 'scales', 'g_idx', 'bias'] as const;

/**
 * Shows `name.qweight` and its companions as one tensor `name.weight`, [out, in]; any other tensor as
 * it is. Checkpoints of GPTQ keep the packed linear one level deeper, as `name.linear` (spec QUANT §6).
 * Disposing it disposes the checkpoint.
 *
 * @throws CheckpointError when the packing is neither AWQ's nor GPTQ's.
 */
export async function unpackedCheckpoint(
  checkpoint: Checkpoint,
  signal?: AbortSignal,
): Promise<UnpackedCheckpoint> {
  const linears = await findPacked(checkpoint, signal);
  const hidden = new Set<string>();
  for (const { root } of linears.values()) {
    for (const part of PACKED) hidden.add(`${root}.${part}`);
    await requireNoBias(`${root}.bias`, checkpoint, signal);
  }
  const find = (name: string): PackedLinear => linears.get(name)!;
  return {
    names: [...checkpoint.names.filter((name) => !hidden.has(name)), ...linears.keys()],
    files: checkpoint.files,
    has: (name) => linears.has(name) || (checkpoint.has(name) && !hidden.has(name)),
    describe: (name) => {
      const linear = linears.get(name);
      if (!linear) return checkpoint.describe(name);
      return { dtype: 'float32', shape: [linear.out, linear.width] };
    },
    read: async (name, signal) => {
      if (!linears.has(name)) return checkpoint.read(name, signal);
      return new Uint8Array((await readPackedNumbers(find(name), checkpoint, signal)).buffer);
    },
    packed: (name) => linears.get(name),
    readParts: (name, scales, signal) => readPackedParts(find(name), scales, checkpoint, signal),
    [Symbol.asyncDispose]: () => checkpoint[Symbol.asyncDispose](),
  };
}

/** By the names that the same linears have in a plain checkpoint. */
async function findPacked(
  checkpoint: Checkpoint,
  signal?: AbortSignal,
): Promise<Map<string, PackedLinear>> {
  const suffix = '.qweight';
  const roots = checkpoint.names.filter((name) => name.endsWith(suffix));
  const linears = new Map<string, PackedLinear>();
  for (const name of roots) {
    const root = name.slice(0, -suffix.length);
    const plain = `${root.replace(/\.linear$/, '')}.weight`;
    linears.set(plain, await describePacked(root, checkpoint, signal));
  }
  return linears;
}

/** Loaders write biases of zeros where a linear has none. */
async function requireNoBias(
  name: string,
  checkpoint: Checkpoint,
  signal?: AbortSignal,
): Promise<void> {
  if (!checkpoint.has(name)) return;
  const { dtype, at } = checkpoint.describe(name);
  const bias = toFloat32(await checkpoint.read(name, signal), dtype);
  if (bias.every((number) => number === 0)) return;
  throw new CheckpointError(
    'unsupported',
    'it is a bias of a packed linear, which this family of models does not have',
    { file: at?.file ?? 'the checkpoint', tensor: name },
  );
}
