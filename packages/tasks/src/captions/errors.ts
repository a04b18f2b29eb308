/** A file of captions was begun with other pictures or settings, or is none. */
export class CaptionLogError extends Error {
  override readonly name = 'CaptionLogError';
  constructor(
    readonly path: string,
    /** Counted from 1. */
    readonly line: number,
    detail: string,
  ) {
    super(
      `Resuming the captions in "${path}": line ${line} ${detail}. ` +
        'Give the same pictures and settings as before, or another file',
    );
  }
}

/** A video gave no frame to describe. */
export class NoFramesError extends Error {
  override readonly name = 'NoFramesError';
  constructor() {
    super('Captioning a video: it gave no frames. Check the file, or a smaller spacing of frames');
  }
}
