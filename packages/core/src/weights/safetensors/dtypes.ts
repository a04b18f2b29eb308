import type { StoredDType } from '../weight-source.ts';

/** The number formats we read, by the name that safetensors headers give them. */
export const DTYPES: ReadonlyMap<string, StoredDType> = new Map([
  ['F32', 'float32'],
  ['F16', 'float16'],
  ['BF16', 'bfloat16'],
  ['I64', 'int64'],
  ['I32', 'int32'],
  ['U8', 'uint8'],
  ['I8', 'int8'],
]);

const names: ReadonlyMap<StoredDType, string> = new Map(
  Array.from(DTYPES, ([name, dtype]) => [dtype, name]),
);

/** What safetensors headers call a number format. */
export function safetensorsName(dtype: StoredDType): string {
  return names.get(dtype)!;
}
