import { CheckpointError, quoted } from '../errors.ts';
import { BYTES_PER_NUMBER, countNumbers } from '../stored-dtype.ts';
import { type TensorPlace, unsupportedFormat } from '../tensor-place.ts';
import type { FileRange, StoredDType } from '../weight-source.ts';
import type { PickleCall, PickleValue } from './pickle-value.ts';
import { STORAGES } from './storages.ts';
import { isSequence } from './unpickle.ts';

export const REBUILD_TENSOR = 'torch._utils._rebuild_tensor_v2';
export const REBUILD_PARAMETER = 'torch._utils._rebuild_parameter';

interface Where {
  readonly file: string;
  readonly tensor: string;
}

/** A part of a storage: `offset` and `strides` count numbers, not bytes. */
interface View {
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

interface Storage {
  readonly type: string;
  readonly key: string;
  /** In numbers. */
  readonly length: number;
}

export function isTensor(value: PickleValue): value is PickleCall {
  return typeof value === 'object' && value?.kind === 'call';
}

/** What a pickle says of a tensor, before it is compared with the file. */
export interface DescribedTensor {
  readonly call: PickleCall;
  readonly storage: Storage;
  readonly where: Where;
}

/** @throws CheckpointError when it is not built as PyTorch builds tensors. */
export function describeTensor(value: PickleCall, where: Where): DescribedTensor {
  const call = withoutParameter(value, where);
  return { call, storage: parseStorage(call.arguments[0], where), where };
}

/**
 * Where the numbers of a tensor stand, given the entry of its storage. Storages may be shared.
 *
 * @throws CheckpointError when the tensor reaches outside its storage.
 */
export function placeTensor(
  { call, storage, where }: DescribedTensor,
  entry: FileRange | undefined,
): TensorPlace {
  const dtype = STORAGES.get(storage.type);
  if (!dtype) return unsupportedFormat(storage.type, where.file);
  const view = parseView(call, where);
  if (!entry) throw malformed(`its storage ${quoted(storage.key)} is not in the zip`, where);
  checkInside(view, storage, where);
  if (storage.length * BYTES_PER_NUMBER[dtype] > entry.length) {
    throw malformed(
      `its storage has only ${entry.length} bytes for ${storage.length} ${dtype}`,
      where,
    );
  }
  return placeInStorage(view, storage, dtype, entry);
}

/** A parameter is a tensor with one more wrapper, `_rebuild_parameter(tensor, …)`. */
function withoutParameter(value: PickleCall, where: Where): PickleCall {
  const call = value.callee === REBUILD_PARAMETER ? value.arguments[0] : value;
  if (typeof call === 'object' && call?.kind === 'call' && call.callee === REBUILD_TENSOR) {
    return call;
  }
  throw malformed('it is not built as tensors are', where);
}

/** `('storage', class, key, device, length)` */
function parseStorage(value: PickleValue | undefined, where: Where): Storage {
  const id = typeof value === 'object' && value?.kind === 'reference' ? value.id : undefined;
  const [word, type, key, , length] = isSequence(id) ? id.items : [];
  const isStorageClass =
    typeof type === 'object' && type?.kind === 'global' && STORAGES.has(type.name);
  if (word !== 'storage' || !isStorageClass || typeof key !== 'string' || !isCount(length)) {
    throw malformed('its storage is not described as PyTorch does', where);
  }
  return { type: type.name, key, length };
}

/** `_rebuild_tensor_v2(storage, offset, shape, strides, …)` */
function parseView(call: PickleCall, where: Where): View {
  const [, offset, shape, strides] = call.arguments;
  if (!isCount(offset) || !isSequence(shape) || !isSequence(strides)) {
    throw malformed('its offset, shape and strides are not numbers', where);
  }
  if (!shape.items.every(isCount) || !strides.items.every(isCount)) {
    throw malformed('its shape or strides are not whole numbers from 0 up', where);
  }
  if (shape.items.length !== strides.items.length) {
    throw malformed('it has a stride too many or few', where);
  }
  return { offset, shape: shape.items, strides: strides.items };
}

function isCount(value: PickleValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function checkInside(view: View, storage: Storage, where: Where): void {
  if (view.offset + extent(view) <= storage.length) return;
  throw malformed(`it reaches outside its storage of ${storage.length} numbers`, where);
}

/** How many numbers of the storage lie between the first and the last of the view, both counted. */
function extent({ shape, strides }: View): number {
  if (countNumbers(shape) === 0) return 0;
  return shape.reduce((sum, dim, axis) => sum + (dim - 1) * strides[axis]!, 1);
}

function placeInStorage(
  view: View,
  storage: Storage,
  dtype: StoredDType,
  entry: FileRange,
): TensorPlace {
  const { shape, strides } = view;
  const count = countNumbers(shape);
  // A few bytes may claim any size this way. Weights never do.
  if (!(count <= storage.length)) {
    const why = `it repeats its ${storage.length} numbers to ${count}. Save it after .contiguous()`;
    return { kind: 'unreadable', why, file: entry.file };
  }
  const width = BYTES_PER_NUMBER[dtype];
  const at = {
    file: entry.file,
    offset: entry.offset + view.offset * width,
    length: extent(view) * width,
  };
  return isContiguous(view)
    ? { kind: 'contiguous', dtype, shape, at }
    : { kind: 'strided', dtype, shape, strides, span: at };
}

/** Row-major without holes. The stride of a dimension of length 1 is never used, so it may be anything. */
function isContiguous({ shape, strides }: View): boolean {
  if (countNumbers(shape) === 0) return true;
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= shape[axis]!;
  }
  return true;
}

function malformed(detail: string, where: Where): CheckpointError {
  return new CheckpointError('malformed', detail, where);
}
