/** What one video may cost. Beyond it, reading ends with a `VideoLimitError`. */
export interface VideoLimits {
  /** Encoded bytes of a video that is held in memory: from the web, a data URI or a buffer. */
  readonly bytes: number;
  /** Width × height of a frame: three bytes of memory each, for several frames at once. */
  readonly pixels: number;
  /** The longer side of a frame. */
  readonly side: number;
  /** Frames that the file lists: some 20 bytes of memory each. */
  readonly frames: number;
  /** Playing time in seconds. */
  readonly duration: number;
  /** Finding, loading and indexing together; and again each decoding of frames. In seconds. */
  readonly seconds: number;
}

export const defaultLimits: VideoLimits = {
  bytes: 512 * 1024 * 1024,
  // 8K as cinemas have it, 8192 × 4320: the largest that cameras write.
  pixels: 35_389_440,
  side: 8192,
  // Six hours at 60 frames a second, rounded up.
  frames: 1_500_000,
  duration: 6 * 3600,
  seconds: 300,
};

/**
 * The limits with defaults for those left out. `Infinity` lifts one.
 *
 * @throws RangeError for one that is not above 0.
 */
export function fillLimits(limits: Partial<VideoLimits> = {}): VideoLimits {
  const filled = { ...defaultLimits, ...limits };
  for (const [name, limit] of Object.entries(filled)) {
    if (limit > 0) continue;
    throw new RangeError(`reading a video with limits.${name} of ${limit}: it must be above 0`);
  }
  return filled;
}
