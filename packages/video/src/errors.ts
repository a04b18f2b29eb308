import type { VideoLimits } from './limits.ts';

/** Whatever goes wrong with a video itself. `video` says which one, as it may be shown or logged. */
export class VideoError extends Error {
  override name = 'VideoError';
  constructor(
    readonly video: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(`reading ${video}: ${problem}`, options);
  }
}

/** There is no such file, or its bytes cannot be had. `code` is the system's, such as `ENOENT`. */
export class VideoNotReadableError extends VideoError {
  override name = 'VideoNotReadableError';
  constructor(
    video: string,
    readonly code: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(video, problem, options);
  }
}

/** The video is larger, longer, or slower to come, than `limits` allow. */
export class VideoLimitError extends VideoError {
  override name = 'VideoLimitError';
  constructor(
    video: string,
    readonly limit: keyof VideoLimits,
    readonly actual: number,
    readonly allowed: number,
  ) {
    super(
      video,
      `it takes at least ${actual} ${units[limit]}, and ${allowed} are allowed. ` +
        `Use a smaller video, or raise limits.${limit}`,
    );
  }
}

const units = {
  bytes: 'bytes',
  pixels: 'pixels a frame',
  side: 'pixels on the longer side of a frame',
  frames: 'frames',
  duration: 'seconds of playing time',
  seconds: 'seconds',
} as const satisfies Record<keyof VideoLimits, string>;

/** The bytes are of no video, or of a container that is not read, such as MXF. */
export class NotAVideoError extends VideoError {
  override name = 'NotAVideoError';
  constructor(video: string, problem: string, options?: ErrorOptions) {
    super(
      video,
      `${problem}. Give MP4, QuickTime, Matroska, WebM, MPEG, AVI, WMV, FLV, Ogg, or bare H.264 or HEVC; ` +
        'anything else becomes one with: ffmpeg -i <input> video.mp4',
      options,
    );
  }
}

/** A container without a picture in it: sound alone, or a video track of no frames. */
export class NoFramesError extends VideoError {
  override name = 'NoFramesError';
}

/** How many frames were asked for, and how many would do. */
export interface FrameCounts {
  readonly frames: number;
  /** Positions of the prompt that they would take. */
  readonly tokens: number;
  readonly maxTokens: number;
  /** The most frames that fit into `maxTokens`: 0 when not even one does. */
  readonly fit: number;
}

/** The chosen frames would take more positions of the prompt than there are. Nothing was decoded. */
export class TooManyFramesError extends VideoError {
  override name = 'TooManyFramesError';
  readonly frames: number;
  readonly tokens: number;
  readonly maxTokens: number;
  readonly fit: number;

  constructor(video: string, { frames, tokens, maxTokens, fit }: FrameCounts) {
    const room = Math.max(Math.floor(maxTokens), 0);
    const problem = `${frames} frames would take ${tokens} positions of the prompt, and there is room for ${room}`;
    const remedy =
      fit > 0
        ? `At most ${fit} frames fit. Sample no more, or let frames be left out with tooManyFrames: 'thin'`
        : 'Not even one frame fits. Show less beside it, or raise maxTokens (in a chat: maxLength)';
    super(video, `${problem}. ${remedy}`);
    this.frames = frames;
    this.tokens = tokens;
    this.maxTokens = maxTokens;
    this.fit = fit;
  }
}

/** The container is fine, or claims so, but breaks off or contradicts itself. */
export class DamagedVideoError extends VideoError {
  override name = 'DamagedVideoError';
  constructor(
    video: string,
    problem: string,
    /** Numbers of the frames that were asked for and could not be decoded. */
    readonly missing: readonly number[] = [],
    options?: ErrorOptions,
  ) {
    super(video, `it is damaged: ${problem}`, options);
  }
}

/** A web address that `web` does not permit. Nothing was sent to it. */
export class VideoAddressRefusedError extends VideoError {
  override name = 'VideoAddressRefusedError';
  constructor(
    video: string,
    /** Host, or host and the address that it resolved to. */
    readonly host: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(video, problem, options);
  }
}

/** A web server that did not deliver a video. `status` is its answer, if there was one. */
export class VideoDownloadError extends VideoError {
  override name = 'VideoDownloadError';
  constructor(
    video: string,
    readonly status: number | undefined,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(video, problem, options);
  }
}

/** ffmpeg was found and started, but did not do its work. */
export class DecoderFailedError extends VideoError {
  override name = 'DecoderFailedError';
  constructor(
    video: string,
    /** The program that was run. */
    readonly ffmpeg: string,
    problem: string,
    /** The end of what it complained about. */
    readonly complaints: string,
    options?: ErrorOptions,
  ) {
    const said = complaints === '' ? '' : `. It said: ${complaints.slice(-500)}`;
    super(video, `${ffmpeg} ${problem}${said}`, options);
  }
}

/** No ffmpeg was found. Not the video's fault. */
export class FfmpegMissingError extends Error {
  override name = 'FfmpegMissingError';
  constructor(
    /** Where it was looked for. */
    readonly looked: readonly string[],
  ) {
    super(
      `decoding a video needs ffmpeg, which was not found (${looked.join('; ')}). ` +
        'Install it with your system (apt-get install ffmpeg, brew install ffmpeg), ' +
        'or: npm install ffmpeg-static, or say where it is: set FFMPEG_PATH or the option ffmpeg',
    );
  }
}
