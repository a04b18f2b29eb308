/** A stretch of prompt between images. */
export interface TextSegment {
  readonly type: 'text';
  /** Without the `<s>` that begins the first segment. */
  readonly text: string;
  /** With it. */
  readonly ids: Int32Array;
  /** Position in the prompt before truncation. */
  readonly start: number;
  readonly length: number;
}

/** The place of an image. */
export interface ImageSegment {
  readonly type: 'image';
  /** Which of the images passed, from 0. */
  readonly image: number;
  /** Position in the prompt before truncation. */
  readonly start: number;
  readonly length: number;
}

export type PromptSegment = TextSegment | ImageSegment;

/** Something that was done to a prompt and may not be what its writer meant. */
export type PromptWarning =
  | {
      readonly type: 'placeholders-unused';
      readonly placeholders: number;
      readonly images: number;
      readonly message: string;
    }
  | { readonly type: 'image-after-prompt'; readonly image: number; readonly message: string }
  | {
      readonly type: 'images-dropped';
      readonly images: readonly number[];
      readonly message: string;
    }
  | {
      readonly type: 'prompt-truncated';
      readonly length: number;
      readonly untruncatedLength: number;
      readonly message: string;
    };

/** A prompt ready to be fed: plain data. */
export interface Prompt {
  /** The rendered template as a string, before placeholders were added. */
  readonly text: string;
  /** In order; positions are those before truncation, so the last ones may lie beyond `length`. */
  readonly segments: readonly PromptSegment[];
  /** Positions to feed. */
  readonly length: number;
  /**
   * Positions before truncation. A truncated prompt is read only up to the segment that goes over
   * the limit, as in the reference, so what follows is not counted.
   */
  readonly untruncatedLength: number;
  /** [start, length] of every image inside `length`; a cut image has what is left of it. */
  readonly imageSpans: readonly (readonly [start: number, length: number])[];
  readonly warnings: readonly PromptWarning[];
}
