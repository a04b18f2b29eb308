import type { Timeline } from '../sample/timeline.ts';

/**
 * Containers without an index, or with one that only ffmpeg reads, by the names of its demuxers. `h264`,
 * `hevc` (Annex B) and `mpegvideo` are bare streams.
 */
export type ForeignContainer =
  | 'asf'
  | 'avi'
  | 'flv'
  | 'gif'
  | 'h264'
  | 'hevc'
  | 'ivf'
  | 'mpeg'
  | 'mpegvideo'
  | 'ogg';

/** Containers that are read, by the names of ffmpeg's demuxers. */
export type Container = 'mov' | 'matroska' | 'mpegts' | ForeignContainer;

/** What the index of a video says. */
export interface VideoFacts extends Timeline {
  readonly container: Container;
  /** Such as `avc`, `hevc`, `vp9`, `av1`; undefined for one that is not known by name. */
  readonly codec: string | undefined;
  /**
   * Size of a frame as it is decoded: turned upright, but not stretched to square pixels, as the
   * reference takes it.
   */
  readonly width: number;
  readonly height: number;
  /** How far frames are turned clockwise; `width` and `height` are those after it. */
  readonly rotation: 0 | 90 | 180 | 270;
  /** Width of a pixel by its height. */
  readonly pixelAspectRatio: number;
  readonly frameCount: number;
  /** When each frame is shown, in seconds, ascending: [frameCount] */
  readonly timestamps: Float64Array;
  /** Numbers of the frames that decoding can begin at, ascending. */
  readonly keyframes: readonly number[];
}
