import type { PictureLimits } from './limits.ts';

/** Whatever goes wrong with a picture itself. `picture` says which one, as it may be shown or logged. */
export class PictureError extends Error {
  override name = 'PictureError';
  constructor(
    readonly picture: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(`reading ${picture}: ${problem}`, options);
  }
}

/** There is no such file, or it cannot be read. `code` is the system's, such as `ENOENT`. */
export class PictureNotReadableError extends PictureError {
  override name = 'PictureNotReadableError';
  constructor(
    picture: string,
    readonly code: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(picture, problem, options);
  }
}

/** The picture is larger, or slower to come, than `limits` allow. */
export class PictureLimitError extends PictureError {
  override name = 'PictureLimitError';
  constructor(
    picture: string,
    readonly limit: keyof PictureLimits,
    readonly actual: number,
    readonly allowed: number,
  ) {
    super(
      picture,
      `it takes at least ${actual} ${units[limit]}, and ${allowed} are allowed. ` +
        `Use a smaller picture, or raise limits.${limit}`,
    );
  }
}

const units = {
  bytes: 'bytes',
  pixels: 'pixels',
  side: 'pixels on its longer side',
  seconds: 'seconds',
} as const satisfies Record<keyof PictureLimits, string>;

/** The bytes are of no picture at all. `beginning` holds the first of them, as text. */
export class NotAPictureError extends PictureError {
  override name = 'NotAPictureError';
  constructor(
    picture: string,
    readonly beginning: string,
  ) {
    super(
      picture,
      beginning === ''
        ? 'it is empty. Give the bytes of a JPEG, PNG, WebP, GIF or BMP picture'
        : `it begins with ${JSON.stringify(beginning)}, which no picture does. ` +
            'Give a JPEG, PNG, WebP, GIF or BMP picture',
    );
  }
}

/** A picture, but of a kind that is not read. */
export class UnsupportedPictureError extends PictureError {
  override name = 'UnsupportedPictureError';
  constructor(
    picture: string,
    readonly format: string,
    problem: string,
  ) {
    super(picture, `${problem}. Convert it to PNG or JPEG first`);
  }
}

/** The file says what it is, and then breaks off or contradicts itself. */
export class DamagedPictureError extends PictureError {
  override name = 'DamagedPictureError';
  constructor(
    picture: string,
    readonly format: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(picture, `the ${format} is damaged: ${problem}`, options);
  }
}

/** A web address that `web` does not permit. Nothing was sent to it. */
export class WebAddressRefusedError extends PictureError {
  override name = 'WebAddressRefusedError';
  constructor(
    picture: string,
    /** Host, or host and the address that it resolved to. */
    readonly host: string,
    problem: string,
  ) {
    super(picture, problem);
  }
}

/** A web server that did not deliver a picture. `status` is its answer, if there was one. */
export class PictureDownloadError extends PictureError {
  override name = 'PictureDownloadError';
  constructor(
    picture: string,
    readonly status: number | undefined,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(picture, problem, options);
  }
}

/** The decoder is not installed, or not for this platform. Not the picture's fault. */
export class SharpMissingError extends Error {
  override name = 'SharpMissingError';
  constructor(options?: ErrorOptions) {
    super(
      'decoding a picture needs the package sharp, which could not be loaded. Install it with: npm install sharp',
      options,
    );
  }
}
