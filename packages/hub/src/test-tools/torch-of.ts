import { openCheckpoint } from '@lingbi/core';
import { type TorchTensor, torchFile } from '@lingbi/core/testing';

const storages = new Map([
  ['float32', 'FloatStorage'],
  ['float16', 'HalfStorage'],
  ['bfloat16', 'BFloat16Storage'],
  ['int64', 'LongStorage'],
]);

/** The tensors of a small checkpoint in one file, as `torch.save` writes it. */
export async function torchOf(folder: string): Promise<Uint8Array> {
  await using checkpoint = await openCheckpoint(folder);
  const tensors: TorchTensor[] = [];
  for (const name of checkpoint.names) {
    const { dtype, shape } = checkpoint.describe(name);
    const storageLength = shape.reduce((product, length) => product * length, 1);
    const strides = shape.map((_, at) => shape.slice(at + 1).reduce((a, b) => a * b, 1));
    const bytes = await checkpoint.read(name);
    tensors.push({ name, storage: storages.get(dtype)!, shape, strides, bytes, storageLength });
  }
  return torchFile(tensors);
}
