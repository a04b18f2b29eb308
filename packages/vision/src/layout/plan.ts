import { checkSize, isCount } from '../check.ts';
import type { Size } from '../picture.ts';
import type { Filter } from '../resize/taps.ts';
import type { HdPreset, Preset, SquarePreset, StripPreset } from './presets.ts';
import { countTokens, type Grid } from './tokens.ts';

/** White pixels around the resized picture. */
export interface Padding {
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  readonly left: number;
}

/** Everything that follows from a picture's size alone. Sizes are as the picture stands. */
export interface PicturePlan {
  /** A picture higher than wide is turned before it is resized, and back: its columns come first. */
  readonly transposed: boolean;
  readonly filter: Filter;
  readonly resized: Size;
  readonly canvas: Size;
  readonly padding: Padding;
  readonly grid: Grid;
  readonly tileSize: number;
  /** Positions that the picture takes in the prompt. */
  readonly tokens: number;
}

/**
 * How a picture of this size becomes tiles. Pure arithmetic, as cheap as it looks: use it to count
 * tokens before a picture is decoded.
 *
 * @throws RangeError for a size below 1 × 1 or a preset that makes no tile.
 */
export function planPicture(size: Size, preset: Preset): PicturePlan {
  checkSize(size, 'planning the tiles of a picture of');
  checkPreset(preset);
  const transposed = size.width < size.height && preset.kind !== 'square';
  const lying = transposed ? turnSize(size) : size;
  const layout = layOut(lying, preset);
  const { resized, canvas, padding } = transposed ? turnLayout(layout) : layout;
  const grid = { rows: canvas.height / preset.tileSize, columns: canvas.width / preset.tileSize };
  const filter = preset.kind === 'square' ? preset.filter : 'bilinear';
  const tokens = countTokens(grid, preset);
  return { transposed, filter, resized, canvas, padding, grid, tileSize: preset.tileSize, tokens };
}

interface Layout {
  readonly resized: Size;
  readonly canvas: Size;
  readonly padding: Padding;
}

function layOut(size: Size, preset: Preset): Layout {
  switch (preset.kind) {
    case 'hd':
      return layOutTiles(size, preset);
    case 'square':
      return layOutSquare(preset);
    case 'strip':
      return layOutStrip(size, preset);
    default:
      return preset satisfies never;
  }
}

/** Spec PREPROCESS §2. The ratio is rounded to a double before it divides, as the reference does. */
function layOutTiles({ width, height }: Size, preset: HdPreset): Layout {
  const ratio = width / height;
  const across = Math.min(tilesThatFit(ratio, preset.hdNum), tilesCovered(width, preset));
  const newWidth = across * preset.tileSize;
  // The reference fails when nothing is left of the height; one row is the least there can be.
  const newHeight = Math.max(Math.trunc(newWidth / ratio), 1);
  const missing = roundUp(newHeight, preset.tileSize) - newHeight;
  const top = preset.padding === 'centred' ? Math.trunc(missing / 2) : 0;
  return pad({ width: newWidth, height: newHeight }, { ...none, top, bottom: missing - top });
}

/** The widest grid of these proportions that keeps within the budget. */
function tilesThatFit(ratio: number, hdNum: number): number {
  let across = 1;
  while ((across + 1) * Math.ceil((across + 1) / ratio) <= hdNum) across++;
  return across;
}

function tilesCovered(width: number, { enlargement, tileSize }: HdPreset): number {
  return enlargement === 'none' ? Infinity : Math.ceil((width * enlargement) / tileSize);
}

function layOutSquare({ tileSize }: SquarePreset): Layout {
  return pad({ width: tileSize, height: tileSize }, none);
}

/** Spec PREPROCESS §6.3. */
function layOutStrip({ width, height }: Size, { tileSize }: StripPreset): Layout {
  const newWidth = Math.trunc(tileSize * (width / height));
  const right = roundUp(newWidth, tileSize) - newWidth;
  return pad({ width: newWidth, height: tileSize }, { ...none, right });
}

const none: Padding = { top: 0, right: 0, bottom: 0, left: 0 };

function pad(resized: Size, padding: Padding): Layout {
  const width = padding.left + resized.width + padding.right;
  const height = padding.top + resized.height + padding.bottom;
  return { resized, canvas: { width, height }, padding };
}

function turnLayout({ resized, canvas, padding }: Layout): Layout {
  const { top, right, bottom, left } = padding;
  return {
    resized: turnSize(resized),
    canvas: turnSize(canvas),
    padding: { top: left, right: bottom, bottom: right, left: top },
  };
}

function turnSize({ width, height }: Size): Size {
  return { width: height, height: width };
}

function roundUp(length: number, unit: number): number {
  return Math.ceil(length / unit) * unit;
}

function checkPreset(preset: Preset): void {
  const { tileSize, patchSize } = preset;
  const unit = preset.kind === 'square' ? patchSize : patchSize * 2;
  if (!isCount(patchSize) || !isCount(tileSize) || tileSize % unit !== 0) {
    throw new RangeError(
      `planning tiles of ${tileSize} pixels: tileSize must be a multiple of ${unit}, which the patchSize of ${patchSize} asks for`,
    );
  }
  if (preset.kind !== 'hd') return;
  if (!isCount(preset.hdNum)) {
    throw new RangeError(
      `planning with hdNum ${preset.hdNum}: it must be a whole number of tiles, at least 1`,
    );
  }
  if (preset.enlargement !== 'none' && !(preset.enlargement > 0)) {
    throw new RangeError(
      `planning with enlargement ${preset.enlargement}: it must be above 0, or 'none' for no bound`,
    );
  }
}
