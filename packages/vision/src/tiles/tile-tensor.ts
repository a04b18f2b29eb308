import type { TiledImage } from '@lingbi/core';
import { checkTileable } from '../check.ts';
import { keyOf } from './key.ts';
import { planeRows } from './plane-rows.ts';
import { tileRows } from './tile-rows.ts';

/** A picture that somebody resized and normalised already. */
export interface PictureTensor {
  /** [1, 3, height, width], both multiples of the tile. */
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/**
 * The tiles of an already transformed picture, as they are: nothing is resized, padded or normalised
 * (spec PREPROCESS §1). Keeps the data, which must not change afterwards.
 *
 * @throws RangeError when the shape is not [1, 3, height, width] in whole tiles, or the data is not as long.
 */
export function tileTensor({ shape, data }: PictureTensor, tileSize = 560): TiledImage {
  const [one, three, height = 0, width = 0] = shape;
  if (shape.length !== 4 || one !== 1 || three !== 3 || height < 1 || width < 1) {
    throw new RangeError(
      `reading a transformed picture of shape [${shape.join(', ')}]: it should be [1, 3, height, width]`,
    );
  }
  checkTileable({ width, height }, tileSize);
  if (data.length !== 3 * height * width) {
    throw new RangeError(
      `reading a transformed picture of shape [${shape.join(', ')}]: it should hold ` +
        `${3 * height * width} values, but has ${data.length}`,
    );
  }
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const key = keyOf('floats', [width, height, tileSize], bytes);
  return tileRows(planeRows({ width, height }, data), tileSize, key);
}
