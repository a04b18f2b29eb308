/** Penalties and filters gave every token −Infinity. */
export class NoTokenLeftError extends RangeError {
  override readonly name = 'NoTokenLeftError';
  constructor(/** How many tokens the answer has so far. */ readonly written: number) {
    super(
      `Choosing token ${written + 1} of the answer: logitBias, noRepeatNgram and minNewTokens ` +
        'together ban every token. Ban fewer',
    );
  }
}
