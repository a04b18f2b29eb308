import type { Checkpoint, StoredTensor } from '../weights/checkpoint.ts';
import { encodeWeight } from '../weights/encodings/encode.ts';
import { toFloat32 } from '../weights/to-float32.ts';
import { AdapterError } from './adapter-error.ts';
import type { LoraAdapter, LoraPair } from './open-adapter.ts';

/**
 * A checkpoint with an adapter in it for good: W + factor · B · A, computed in float32 and rounded once to
 * the format of W, and the separators of pictures that were trained with it. Every other tensor, partial LoRA and task adapters among them, is as it was, to the
 * byte. Disposing it disposes both.
 *
 * @throws AdapterError when the checkpoint lacks a weight that the adapter adapts, or holds it in blocks.
 */
export function mergedCheckpoint(base: Checkpoint, adapter: LoraAdapter): Checkpoint {
  if (base.manifest) {
    throw new AdapterError(
      adapter.folder,
      'it cannot be merged into a converted checkpoint: merge it into the original one, then convert that',
    );
  }
  for (const [weight, pair] of adapter.pairs) requireShapes(base, adapter, weight, pair);
  for (const [name, stored] of adapter.replaced) requireSameShape(base, adapter, name, stored);
  const isChanged = (name: string) => adapter.pairs.has(name) || adapter.replaced.has(name);
  return {
    names: base.names,
    files: base.files,
    has: (name) => base.has(name),
    describe(name) {
      const { at, ...described } = base.describe(name);
      return isChanged(name) || !at ? described : { ...described, at };
    },
    async read(name, signal) {
      const stored = adapter.replaced.get(name);
      if (stored) return replacedBytes(base.describe(name), adapter, stored, signal);
      const bytes = await base.read(name, signal);
      const pair = adapter.pairs.get(name);
      if (!pair) return bytes;
      return mergedBytes(base.describe(name), bytes, await readPair(adapter, pair, signal));
    },
    async [Symbol.asyncDispose]() {
      await base[Symbol.asyncDispose]();
      await adapter[Symbol.asyncDispose]();
    },
  };
}

interface Matrices {
  readonly rank: number;
  readonly factor: number;
  /** [rank, in] */
  readonly down: Float32Array;
  /** [out, rank] */
  readonly up: Float32Array;
}

async function readPair(
  { tensors, config: { rank, factor } }: LoraAdapter,
  pair: LoraPair,
  signal?: AbortSignal,
): Promise<Matrices> {
  const read = async (name: string) =>
    toFloat32(await tensors.read(name, signal), tensors.describe(name).dtype);
  return { rank, factor, down: await read(pair.down), up: await read(pair.up) };
}

async function replacedBytes(
  { dtype, shape }: StoredTensor,
  { tensors }: LoraAdapter,
  stored: string,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const numbers = toFloat32(await tensors.read(stored, signal), tensors.describe(stored).dtype);
  return encodeWeight(numbers, shape.at(-1)!, { kind: 'dense', dtype }).values!;
}

function mergedBytes(
  { dtype, shape }: StoredTensor,
  bytes: Uint8Array,
  pair: Matrices,
): Uint8Array {
  const [out, width] = shape as readonly [number, number];
  const numbers = toFloat32(bytes, dtype);
  const row = new Float64Array(width);
  for (let at = 0; at < out; at++) {
    row.fill(0);
    for (let k = 0; k < pair.rank; k++) {
      const factor = pair.factor * pair.up[at * pair.rank + k]!;
      for (let i = 0; i < width; i++) row[i]! += factor * pair.down[k * width + i]!;
    }
    for (let i = 0; i < width; i++) numbers[at * width + i]! += row[i]!;
  }
  return encodeWeight(numbers, width, { kind: 'dense', dtype }).values!;
}

function requireShapes(
  base: Checkpoint,
  { folder, tensors }: LoraAdapter,
  weight: string,
  { down, up }: LoraPair,
): void {
  if (!base.has(weight)) throw new AdapterError(folder, `the checkpoint has no ${weight}`);
  const [out, width] = base.describe(weight).shape;
  const found = [tensors.describe(up).shape[0], tensors.describe(down).shape[1]];
  if (found[0] === out && found[1] === width) return;
  throw new AdapterError(
    folder,
    `it maps ${found[1]} → ${found[0]} features at ${weight}, which is [${out}, ${width}]`,
  );
}

function requireSameShape(
  base: Checkpoint,
  { folder, tensors }: LoraAdapter,
  name: string,
  stored: string,
): void {
  if (!base.has(name)) throw new AdapterError(folder, `the checkpoint has no ${name}`);
  const [wanted, found] = [base.describe(name).shape, tensors.describe(stored).shape];
  if (wanted.join() === found.join()) return;
  throw new AdapterError(
    folder,
    `${stored} is [${found.join(', ')}], but ${name} is [${wanted.join(', ')}]`,
  );
}
