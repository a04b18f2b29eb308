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
