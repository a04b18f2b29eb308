/** New tokens do not fit the cache. */
export class CacheFullError extends Error {
  override readonly name = 'CacheFullError';
  constructor(
    readonly added: number,
    readonly length: number,
    readonly capacity: number,
    mend = 'Create it with a larger capacity, or truncate() it first',
  ) {
    super(`${added} new tokens do not fit: the cache holds ${length} of ${capacity}. ${mend}`);
  }
}

/** There is no memory for a cache. One that was to grow is as it was before. */
export class CacheMemoryError extends Error {
  override readonly name = 'CacheMemoryError';
  constructor(
    /** Tokens that each slot was to hold. */
    readonly capacity: number,
    readonly slots: number,
    because: string,
    options?: ErrorOptions,
  ) {
    super(
      `A cache of ${capacity} tokens in ${slots} slots cannot be had: ${because}. ` +
        'Ask for less capacity or fewer slots',
      options,
    );
  }
}

/** A backend was asked for something it cannot do: an operation, a number format, a device. */
export class UnsupportedError extends Error {
  override readonly name = 'UnsupportedError';
}

/** A run was given inputs, segments or a cache that do not fit its graph. */
export class RunError extends Error {
  override readonly name = 'RunError';
}
