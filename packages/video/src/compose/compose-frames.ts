import { createResizer, type Picture, type Resizer } from '@lingbi/vision';
import { sizeInComposite } from './frame-size.ts';
import { dejaVuLabels, type LabelPainter, labelOf } from './labels.ts';
import { paintBlack, paintCoverage, pastePicture, whitePicture } from './paint.ts';
import { type CompositePlan, planComposite } from './plan-composite.ts';

/** How frames become one picture. */
export interface ComposeOptions {
  /** Who draws `<IMAGE 0>` …: DejaVu Sans by default; `'none'` keeps their room white. */
  readonly labels?: LabelPainter | 'none';
  /** Saves opening one for every composite. */
  readonly resizer?: Resizer;
}

/** A frame at the size that it has in the composite. */
export interface ResizedFrame {
  readonly original: { readonly width: number; readonly height: number };
  readonly picture: Picture;
}

/**
 * Frames as one labelled picture, exactly as the reference paints it (spec PREPROCESS §6.2): lying
 * frames are stacked, others lie side by side; the last one decides.
 *
 * @throws RangeError for no frames, or one whose data does not fit its size.
 */
export function composeFrames(frames: readonly Picture[], options: ComposeOptions = {}): Picture {
  const resizer = options.resizer ?? createResizer();
  return composeResized(
    frames.map((frame) => resizeFrame(frame, resizer)),
    options,
  );
}

/** The first half of `composeFrames`, for frames that come one by one: most of a frame's memory goes. */
export function resizeFrame(frame: Picture, resizer: Resizer): ResizedFrame {
  const { width, height } = frame;
  return {
    original: { width, height },
    picture: resizer.resize(frame, sizeInComposite(frame)),
  };
}

/** The second half of `composeFrames`. */
export function composeResized(
  frames: readonly ResizedFrame[],
  { labels = dejaVuLabels() }: ComposeOptions = {},
): Picture {
  const sizes = frames.map(({ picture }) => picture);
  const plan = planComposite(sizes, frames.at(-1)?.original ?? { width: 0, height: 0 });
  const canvas = whitePicture(plan);
  plan.frames.forEach(({ at }, i) => {
    pastePicture(canvas, frames[i]!.picture, at);
  });
  if (labels !== 'none') paintLabels(canvas, plan, labels);
  paintSeparators(canvas, plan);
  return canvas;
}

function paintLabels(canvas: Picture, plan: CompositePlan, labels: LabelPainter): void {
  plan.frames.forEach(({ label }, i) => {
    paintCoverage(canvas, labels(labelOf(i)), label);
  });
}

/** Pillow paints a line of width 2 at v on v and v + 1. */
const lineWidth = 2;

function paintSeparators(canvas: Picture, { direction, frames }: CompositePlan): void {
  for (const { separator } of frames) {
    if (separator === undefined) continue;
    if (direction === 'down') {
      paintBlack(canvas, { x: 0, y: separator }, { width: canvas.width, height: lineWidth });
    } else {
      paintBlack(canvas, { x: separator, y: 0 }, { width: lineWidth, height: canvas.height });
    }
  }
}
