import type { HubError } from '../errors.ts';

/** A failure that may be gone when asked again. `final` is what the caller gets when it is not. */
export class PassingFailure extends Error {
  constructor(
    readonly final: HubError,
    /** How long the server asked us to wait. */
    readonly retryAfterSeconds?: number,
  ) {
    super(final.message, { cause: final });
  }
}
