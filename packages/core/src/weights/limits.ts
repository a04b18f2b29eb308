/** How much a reader takes before it calls a file hostile. Each is checked before the allocation. */
export interface CheckpointLimits {
  /** In bytes, of one safetensors header, index, zip directory or pickle. */
  readonly headerBytes: number;
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
  // The limit of the safetensors format itself; the header of a 7B model is about 0.1 MB.
  headerBytes: 100_000_000,
  // A tensor takes about 40 instructions and 5 memo entries; this leaves room for 25,000 tensors.
  pickleSteps: 1_000_000,
  pickleMemo: 250_000,
  // PyTorch fills dictionaries in lots of 1,000 pairs, so its own files never need 3,000.
  pickleStack: 100_000,
  pickleStringBytes: 65_536,
};
