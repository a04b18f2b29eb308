/** A picture that fits a caption: an encoded file, whatever its name. */
export interface FoundPicture {
  /** What the source calls it; given back in `exclude` it is not found again. */
  readonly id: string;
  readonly data: Uint8Array;
}

export interface ImageSearch {
  /** Ids that were found before. */
  readonly exclude: readonly string[];
  /** How many are wanted. */
  readonly count: number;
  readonly signal?: AbortSignal;
}

/**
 * Finds or makes pictures for captions. Knows nothing of articles; fewer than wanted, or none, is no
 * error.
 */
export interface ImageSource {
  search(caption: string, search: ImageSearch): Promise<readonly FoundPicture[]>;
}
