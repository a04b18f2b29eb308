import type { Picture, Size } from '@lingbi/vision';
import { blackRows, paste, whiteCanvas } from './canvas.ts';

/** Where a label stands: its upper left corner. */
export interface LabelPlace {
  readonly text: string;
  readonly x: number;
  readonly y: number;
  /** Of the font, in pixels. The reference takes SimHei, black. */
  readonly size: number;
}

/** Draws a label onto the strip. */
export type DrawLabel = (onto: Picture, label: LabelPlace) => void;

/** How frames stand above each other for fast captioning (spec SIDE_PROJECTS §4.3). */
export interface FastStripPlan extends Size {
  readonly frames: readonly { readonly x: number; readonly y: number }[];
  readonly labels: readonly LabelPlace[];
  /** The first of two black rows after each frame but the last. */
  readonly separators: readonly number[];
}

export function planFastStrip(frames: readonly Size[]): FastStripPlan {
  const widest = Math.max(...frames.map(({ width }) => width));
  const pad = Math.max(Math.floor(widest / 4), 100);
  let y = 10;
  const rows = frames.map(({ height }, i) => {
    const top = y;
    y += height + 20;
    const label = {
      text: `<IMAGE ${i}>`,
      x: 0,
      y: top + Math.floor(height / 2),
      size: Math.floor(pad / 5),
    };
    return { frame: { x: pad, y: top }, label, separator: top + height + 10 };
  });
  return {
    width: widest + 20 + pad,
    height: y + 10,
    frames: rows.map(({ frame }) => frame),
    labels: rows.map(({ label }) => label),
    separators: rows.slice(0, -1).map(({ separator }) => separator),
  };
}

/** Frames as one strip; without `drawLabel` the labels' room stays white. */
export function paintFastStrip(frames: readonly Picture[], drawLabel?: DrawLabel): Picture {
  const plan = planFastStrip(frames);
  const strip = whiteCanvas(plan);
  for (const [i, { x, y }] of plan.frames.entries()) paste(strip, frames[i]!, x, y);
  for (const row of plan.separators) blackRows(strip, row, 2);
  if (drawLabel) for (const label of plan.labels) drawLabel(strip, label);
  return strip;
}
