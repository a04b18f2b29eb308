/** What happens during a conversion. */
export type ConvertEvent =
  /** The checkpoint holds tensors that no weight of this family is made of. */
  | { readonly type: 'tensors-ignored'; readonly names: readonly string[] }
  /** Rows of these weights do not divide into blocks of the size that was asked for: theirs are smaller. */
  | { readonly type: 'blocks-narrowed'; readonly block: number; readonly names: readonly string[] }
  /** Files of the source, or of what repairs it, are read for their hashes: so many bytes of all of one so far. */
  | {
      readonly type: 'bytes-hashed';
      readonly file: string;
      readonly hashedBytes: number;
      readonly totalBytes: number;
    }
  /** A source file is read to its end for its hash. */
  | { readonly type: 'source-hashed'; readonly file: string; readonly bytes: number }
  | {
      readonly type: 'weight-written';
      readonly name: string;
      readonly written: number;
      readonly total: number;
    }
  /** An interrupted run had finished this file. */
  | {
      readonly type: 'file-kept';
      readonly file: string;
      readonly bytes: number;
      readonly written: number;
      readonly total: number;
    }
  /** An interrupted run had finished this file, and it is not as it was written: it is written again. */
  | { readonly type: 'file-damaged'; readonly file: string }
  | { readonly type: 'file-finished'; readonly file: string; readonly bytes: number };
