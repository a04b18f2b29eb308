/** A stretch of the video, in seconds; all of it by default. Frames at `end` are left out. */
export interface Stretch {
  readonly start?: number;
  readonly end?: number;
}

/** As `chat()` does: a frame a second, thinned to 32. */
export interface ChatSampling extends Stretch {
  readonly kind: 'chat';
  /** 32 by default. */
  readonly most?: number;
}

/** As the gradio demo does: a frame every two seconds, thinned to 32. */
export interface DemoSampling extends Stretch {
  readonly kind: 'demo';
  /** 32 by default. */
  readonly most?: number;
}

/** As OmniLive's benchmarks do: clips of 16 frames, one clip for 16 seconds. */
export interface ClipSampling extends Stretch {
  readonly kind: 'clips';
  /** The fewest clips of a short video: 4 by default, 5 in some benchmarks. */
  readonly fewest?: number;
  /** The most clips of a long video: 32 by default, 4 in MVBench. */
  readonly most?: number;
  /** Thinned to so many frames: 32 in MVBench, 64 in MLVU, Video-MME and StreamingBench. */
  readonly thinTo?: number;
}

/** All frames, thinned to 64: as VLMEvalKit does with the frames that its data sets supply. */
export interface AllSampling extends Stretch {
  readonly kind: 'all';
  /** 64 by default. */
  readonly most?: number;
}

/** As ShareCaptioner-Video does: every `trunc(2 · fps)` frames. */
export interface CaptionSampling extends Stretch {
  readonly kind: 'caption';
}

/** The frames on the screen at these times, in seconds. */
export interface TimesSampling {
  readonly kind: 'times';
  readonly seconds: readonly number[];
}

/** The frames on the screen so many times a second, each once; thinned evenly to `most`. */
export interface RateSampling extends Stretch {
  readonly kind: 'rate';
  readonly framesPerSecond: number;
  readonly most?: number;
}

/** So many frames, evenly spread; fewer when the video has fewer. */
export interface CountSampling extends Stretch {
  readonly kind: 'count';
  readonly count: number;
}

/** These very frames, counted from 0. */
export interface FramesSampling {
  readonly kind: 'frames';
  readonly frames: readonly number[];
}

/** Which frames of a video are looked at (spec PREPROCESS §6.1, SIDE_PROJECTS §4). */
export type Sampling =
  | ChatSampling
  | DemoSampling
  | ClipSampling
  | AllSampling
  | CaptionSampling
  | TimesSampling
  | RateSampling
  | CountSampling
  | FramesSampling;
