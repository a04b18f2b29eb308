import type { StoredDType } from '../weight-source.ts';

/** The number format of each storage class, or undefined for those we do not read. */
export const STORAGES: ReadonlyMap<string, StoredDType | undefined> = new Map([
  ['torch.FloatStorage', 'float32'],
  ['torch.HalfStorage', 'float16'],
  ['torch.BFloat16Storage', 'bfloat16'],
  ['torch.LongStorage', 'int64'],
  ['torch.IntStorage', 'int32'],
  ['torch.ByteStorage', 'uint8'],
  ['torch.CharStorage', 'int8'],
  ['torch.DoubleStorage', undefined],
  ['torch.ShortStorage', undefined],
  ['torch.BoolStorage', undefined],
  ['torch.ComplexFloatStorage', undefined],
  ['torch.ComplexDoubleStorage', undefined],
]);
