import type { Picture } from '@lingbi/vision';
import { type Coverage, labelOf } from '../compose/labels.ts';
import { paintBlack, paintCoverage, pastePicture, whitePicture } from '../compose/paint.ts';

/** Draws a label so many pixels high. */
export type SizedLabelPainter = (text: string, pixels: number) => Coverage;

// Spec SIDE_PROJECTS §4.3.
const gap = 20;
const beforeSeparator = 10;
const lineWidth = 2;
const leastPad = 100;

/**
 * Frames under each other with their labels at the left, as fast captions take them. Frames are not
 * resized. Labels are as high as a fifth of their room, which the built-in font has not; without a
 * painter of yours their room stays white.
 *
 * @throws RangeError for no frames.
 */
export function stripOfFrames(
  frames: readonly Picture[],
  labels: SizedLabelPainter | 'none',
): Picture {
  if (frames.length === 0) throw new RangeError('putting no frames on a strip: give at least one');
  const widest = Math.max(...frames.map(({ width }) => width));
  const pad = Math.max(Math.floor(widest / 4), leastPad);
  const height = frames.reduce((sum, frame) => sum + frame.height + gap, gap);
  const strip = whitePicture({ width: widest + gap + pad, height });
  let y = gap / 2;
  frames.forEach((frame, i) => {
    pastePicture(strip, frame, { x: pad, y });
    if (labels !== 'none') {
      const label = labels(labelOf(i), Math.floor(pad / 5));
      paintCoverage(strip, label, { x: 0, y: y + Math.floor(frame.height / 2) });
    }
    if (i + 1 < frames.length) {
      const line = { x: 0, y: y + frame.height + beforeSeparator };
      paintBlack(strip, line, { width: strip.width, height: lineWidth });
    }
    y += frame.height + gap;
  });
  return strip;
}
