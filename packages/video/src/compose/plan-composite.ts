import type { Size } from '@lingbi/vision';

/** A place in the composite, in pixels from its upper left corner. */
export interface Place {
  readonly x: number;
  readonly y: number;
}

/** Where one frame goes, and what stands beside it. */
export interface PlacedFrame {
  readonly size: Size;
  readonly at: Place;
  /** Where the label's left end and ascender meet. */
  readonly label: Place;
  /** The first row or column of the black line after the frame; none after the last. */
  readonly separator: number | undefined;
}

/** How frames stand together in one picture (spec PREPROCESS §6.2). */
export interface CompositePlan extends Size {
  /** Lying frames are stacked, standing and square ones lie side by side. */
  readonly direction: 'down' | 'across';
  readonly frames: readonly PlacedFrame[];
}

/** Rows kept free for a label. */
const labelRoom = 40;
const gap = 10;
/** The separator stands in the middle of the gap. */
const beforeSeparator = 5;

/**
 * Places frames of these sizes. They are the sizes in the composite; `lastFrame` is the original
 * size of the last frame, whose orientation decides for all, as in the reference.
 */
export function planComposite(sizes: readonly Size[], lastFrame: Size): CompositePlan {
  if (sizes.length === 0) throw new RangeError('composing no frames: give at least one');
  return lastFrame.width > lastFrame.height ? stack(sizes) : line(sizes);
}

function stack(sizes: readonly Size[]): CompositePlan {
  let y = 0;
  const frames = sizes.map((size, i) => {
    const at = { x: 0, y: y + labelRoom };
    const label = { x: 0, y };
    const separator = i + 1 < sizes.length ? at.y + size.height + beforeSeparator : undefined;
    y = at.y + size.height + gap;
    return { size, at, label, separator };
  });
  const width = Math.max(...sizes.map((size) => size.width));
  return { direction: 'down', width, height: y, frames };
}

function line(sizes: readonly Size[]): CompositePlan {
  let x = 0;
  const frames = sizes.map((size, i) => {
    const at = { x, y: labelRoom };
    const label = { x, y: 0 };
    const separator = i + 1 < sizes.length ? x + size.width + beforeSeparator : undefined;
    x += size.width + gap;
    return { size, at, label, separator };
  });
  const height = Math.max(...sizes.map((size) => size.height)) + labelRoom;
  return { direction: 'across', width: x, height, frames };
}
