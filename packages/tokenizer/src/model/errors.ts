/**
 * Why a tokenizer file was refused: it ends too early, its bytes make no sense, it asks for more
 * than the limits allow, or it needs something this package does not do.
 */
export type TokenizerModelFault = 'truncated' | 'malformed' | 'limit' | 'unsupported';

/** A `tokenizer.model` that cannot be used. */
export class TokenizerModelError extends Error {
  override readonly name = 'TokenizerModelError';
  readonly fault: TokenizerModelFault;
  /** Where in the file the trouble was met, in bytes; absent when the file as a whole is refused. */
  readonly offset: number | undefined;

  constructor(fault: TokenizerModelFault, message: string, offset?: number) {
    super(offset === undefined ? message : `${message} (at byte ${offset})`);
    this.fault = fault;
    this.offset = offset;
  }
}
