/** The images and the places for them do not match, and the policy forbids guessing. */
export class PlaceholderError extends Error {
  override readonly name = 'PlaceholderError';
  readonly placeholders: number;
  readonly images: number;

  constructor(message: string, { placeholders, images }: { placeholders: number; images: number }) {
    super(message);
    this.placeholders = placeholders;
    this.images = images;
  }
}

/** The sizes behind a `PromptTooLongError`, in tokens. */
export interface PromptLengths {
  readonly length: number;
  readonly maxLength: number;
  readonly textTokens: number;
  /** Tokens of each image in the prompt, in order. */
  readonly imageTokens: readonly number[];
}

/** The prompt takes more positions than allowed. */
export class PromptTooLongError extends Error {
  override readonly name = 'PromptTooLongError';
  readonly length: number;
  readonly maxLength: number;
  readonly textTokens: number;
  readonly imageTokens: readonly number[];

  constructor(message: string, lengths: PromptLengths) {
    super(message);
    this.length = lengths.length;
    this.maxLength = lengths.maxLength;
    this.textTokens = lengths.textTokens;
    this.imageTokens = lengths.imageTokens;
  }
}

/** The vocabulary lacks a marker of the chat template: it belongs to another model. */
export class MissingMarkerError extends Error {
  override readonly name = 'MissingMarkerError';
  readonly marker: string;

  constructor(marker: string, family: string) {
    super(
      `Looking up the markers of ${family}: the vocabulary has no piece ${marker}; ` +
        'use the tokenizer.model that was published with the checkpoint',
    );
    this.marker = marker;
  }
}
