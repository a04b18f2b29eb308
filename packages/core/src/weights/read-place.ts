import type { StoredTensor } from './checkpoint.ts';
import { CheckpointError } from './errors.ts';
import { gatherStrided } from './gather-strided.ts';
import type { RandomAccessFile } from './random-access-file.ts';
import type { TensorPlace } from './tensor-place.ts';

/** @throws CheckpointError when the tensor is in a form we do not read. */
export function describePlace(name: string, place: TensorPlace): StoredTensor {
  switch (place.kind) {
    case 'contiguous':
      return { dtype: place.dtype, shape: place.shape, at: place.at };
    case 'strided':
      return { dtype: place.dtype, shape: place.shape };
    case 'unreadable':
      throw unreadable(name, place);
    default:
      throw place satisfies never;
  }
}

/**
 * The numbers of a tensor, row-major.
 *
 * @throws CheckpointError as `describePlace`, and when the file became shorter.
 */
export async function readPlace(
  name: string,
  place: TensorPlace,
  file: RandomAccessFile,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  switch (place.kind) {
    case 'contiguous':
      return file.read(place.at.offset, place.at.length, signal);
    case 'strided':
      return gatherStrided(place, await file.read(place.span.offset, place.span.length, signal));
    case 'unreadable':
      throw unreadable(name, place);
    default:
      throw place satisfies never;
  }
}

function unreadable(
  tensor: string,
  { why, file }: Extract<TensorPlace, { kind: 'unreadable' }>,
): CheckpointError {
  return new CheckpointError('unsupported', why, { file, tensor });
}
