/** A sequence was to go on under an adapter that was taken away, even if another has its name now. */
export class AdapterUnloadedError extends Error {
  override readonly name = 'AdapterUnloadedError';
  constructor(readonly adapter: string) {
    super(
      `The adapter "${adapter}" was unloaded while it was in use: what it has read cannot go on. ` +
        'Open another chat or sequence with an adapter that is there, and unload one when its answers have ended',
    );
  }
}
