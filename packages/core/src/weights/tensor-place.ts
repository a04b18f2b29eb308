import { quoted } from './errors.ts';
import { BYTES_PER_NUMBER } from './stored-dtype.ts';
import type { FileRange, StoredDType } from './weight-source.ts';

/** Where in a file the numbers of a tensor stand. */
export type TensorPlace =
  | {
      readonly kind: 'contiguous';
      readonly dtype: StoredDType;
      readonly shape: readonly number[];
      readonly at: FileRange;
    }
  | {
      readonly kind: 'strided';
      readonly dtype: StoredDType;
      readonly shape: readonly number[];
      /** In numbers, one per dimension. */
      readonly strides: readonly number[];
      /** From the first number of the tensor to its last. */
      readonly span: FileRange;
    }
  /** There, but in a form we do not read; only an error if somebody asks for it. */
  | { readonly kind: 'unreadable'; readonly why: string; readonly file: string };

/** The tensors of one file by name. */
export type TensorPlaces = ReadonlyMap<string, TensorPlace>;

/** The place of a tensor whose number format, called `format` in its file, we do not read. */
export function unsupportedFormat(format: string, file: string): TensorPlace {
  const why = `its numbers are ${quoted(format)}; supported are ${Object.keys(BYTES_PER_NUMBER).join(', ')}`;
  return { kind: 'unreadable', why, file };
}
