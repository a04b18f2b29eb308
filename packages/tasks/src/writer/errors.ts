import type { GenerationSettings } from './generation-settings.ts';

/** An engine cannot do what was asked, and nobody allowed it to do something else. */
export class UnsupportedSettingError extends Error {
  override readonly name = 'UnsupportedSettingError';
  constructor(
    readonly setting: keyof GenerationSettings | 'adapter' | 'tiling',
    readonly value: unknown,
    detail: string,
  ) {
    super(
      `Writing with ${setting} = ${JSON.stringify(value)}: ${detail}. ` +
        "Change the setting, or open the writer with unsupported: 'adapt' to go on with a warning",
    );
  }
}

/** A prompt leaves no room for an answer within `limit.totalTokens`. */
export class NoRoomForAnswerError extends Error {
  override readonly name = 'NoRoomForAnswerError';
  constructor(
    readonly promptTokens: number,
    readonly totalTokens: number,
  ) {
    super(
      `Writing an answer: the prompt takes ${promptTokens} of the ${totalTokens} tokens that prompt ` +
        'and answer may take together. Shorten the text, or raise settings.limit.totalTokens',
    );
  }
}

/** A writer's events ended without an end event. */
export class UnfinishedAnswerError extends Error {
  override readonly name = 'UnfinishedAnswerError';
  constructor(readonly text: string) {
    super(
      `Writing an answer: the writer stopped after ${text.length} characters without an end event. ` +
        'A writer must yield one, or throw',
    );
  }
}
