/** What reading one picture may cost. Beyond it, reading ends with a `PictureLimitError`. */
export interface PictureLimits {
  /** Encoded bytes. A photograph of 50 megapixels is about 25 MB as JPEG. */
  readonly bytes: number;
  /** Width × height, checked in the header before anything is decoded: three bytes of memory each. */
  readonly pixels: number;
  /** The longer side. */
  readonly side: number;
  /** Finding, loading and decoding together, in seconds. */
  readonly seconds: number;
}

export const defaultLimits: PictureLimits = {
  bytes: 64 * 1024 * 1024,
  // Where Pillow begins to warn of a decompression bomb: a quarter of a GiB at three bytes a pixel.
  pixels: 89_478_485,
  // The most that JPEG and GIF can state.
  side: 65_535,
  seconds: 30,
};

/**
 * The limits with defaults for those left out. `Infinity` lifts one.
 *
 * @throws RangeError for one that is not above 0.
 */
export function fillLimits(limits: Partial<PictureLimits> = {}): PictureLimits {
  const filled = { ...defaultLimits, ...limits };
  for (const [name, limit] of Object.entries(filled)) {
    if (limit > 0) continue;
    throw new RangeError(`reading a picture with limits.${name} of ${limit}: it must be above 0`);
  }
  return filled;
}
