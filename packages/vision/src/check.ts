import type { Picture, Size } from './picture.ts';

/** @throws RangeError unless both sides are whole and at least 1. */
export function checkSize({ width, height }: Size, doing: string): void {
  if (isCount(width) && isCount(height)) return;
  throw new RangeError(
    `${doing} ${width} × ${height}: width and height must be whole numbers of pixels, at least 1`,
  );
}

/** @throws RangeError unless the bytes are as many as the size says. */
export function checkPicture(picture: Picture, doing: string): void {
  checkSize(picture, doing);
  const expected = picture.width * picture.height * 3;
  if (picture.data.length === expected) return;
  throw new RangeError(
    `${doing} a picture of ${picture.width} × ${picture.height}: its data should be ${expected} bytes of RGB, ` +
      `but it has ${picture.data.length}`,
  );
}

/** @throws RangeError unless both sides are whole numbers of tiles. */
export function checkTileable({ width, height }: Size, tileSize: number): void {
  if (isCount(tileSize) && width % tileSize === 0 && height % tileSize === 0) return;
  throw new RangeError(
    `cutting ${width} × ${height} pixels into tiles of ${tileSize}: both sides must be multiples of the tile`,
  );
}

/** Whole and at least 1. */
export function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 1;
}
