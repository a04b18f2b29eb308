/** How much a reader takes before it calls a file hostile. Each is checked before the allocation. */
export interface CheckpointLimits {
  /** In bytes, of one safetensors header, index, zip directory or pickle. */
  readonly headerBytes: number;
  /** Keys in one safetensors header or index, of all its objects together. */
  readonly jsonKeys: number;
  /** Entries of one zip file. PyTorch writes one for each storage and a few more. */
  readonly zipEntries: number;
  /** Instructions in one pickle. */
  readonly pickleSteps: number;
  /** Values that a pickle may hold unfinished at one time. */
  readonly pickleStack: number;
  /** Values that a pickle may keep to refer to again. */
  readonly pickleMemo: number;
  /** In bytes, of one string in a pickle. */
  readonly pickleStringBytes: number;
}

export const DEFAULT_LIMITS: CheckpointLimits = {
  // The header of a 7B model is about 0.1 MB. The format allows 100 MB, which would take minutes to
  // read when it is hostile; who has such a file raises this.
  headerBytes: 16_000_000,
  // A tensor takes four keys: its name, dtype, shape and data_offsets. Room for 50,000.
  jsonKeys: 200_000,
  // A shard has at most a few thousand storages; with this, the 25,000 tensors of pickleSteps all fit.
  zipEntries: 30_000,
  // A tensor takes about 40 instructions and 5 memo entries; this leaves room for 25,000 tensors.
  pickleSteps: 1_000_000,
  pickleMemo: 250_000,
  // PyTorch fills dictionaries in lots of 1,000 pairs, so its own files never need 3,000.
  pickleStack: 100_000,
  pickleStringBytes: 65_536,
};
