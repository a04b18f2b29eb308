import type { Size } from '@lingbi/vision';

/** Length of a frame's longer side in the composite (spec PREPROCESS §6.2). */
const longSide = 1120;

/**
 * The size that a frame has in the composite. Ratios are rounded to doubles before they divide or
 * multiply, as the reference does.
 *
 * @throws RangeError for a frame so thin that nothing would be left of it.
 */
export function sizeInComposite({ width, height }: Size): Size {
  const size =
    width > height
      ? { width: longSide, height: Math.trunc(longSide / (width / height)) }
      : { width: Math.trunc(longSide * (width / height)), height: longSide };
  if (size.width >= 1 && size.height >= 1) return size;
  throw new RangeError(
    `composing a frame of ${width} × ${height}: nothing is left of its shorter side once the longer one has ${longSide} pixels`,
  );
}
