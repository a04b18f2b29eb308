import { type AtlasGlyph, labelAtlas } from './label-atlas.generated.ts';

/** How strongly text covers the pixels around its anchor, which is its left end at the ascender. */
export interface Coverage {
  readonly width: number;
  readonly height: number;
  /** Pixels right of the anchor, and below it, where the coverage begins. May be negative. */
  readonly left: number;
  readonly top: number;
  /** 0 leaves a pixel as it is, 255 makes it black: [height, width] */
  readonly data: Uint8Array;
}

/** Draws a label such as `<IMAGE 12>`, 40 pixels high. Give your own for another font. */
export type LabelPainter = (text: string) => Coverage;

/** The label of a frame, counted from 0 (spec PREPROCESS §6.2). */
export function labelOf(frame: number): string {
  return `<IMAGE ${frame}>`;
}

/**
 * Labels in DejaVu Sans at 40 pixels, with the very pixels of Pillow. It knows the characters of
 * `<IMAGE 0123456789>` only.
 */
export function dejaVuLabels(): LabelPainter {
  const glyphs = labelAtlas.map((glyph) => ({
    ...glyph,
    data: Buffer.from(glyph.coverage, 'base64'),
  }));
  return (text) => layOut(split(text, glyphs));
}

type Glyph = Omit<AtlasGlyph, 'coverage'> & { readonly data: Uint8Array };

function split(text: string, glyphs: readonly Glyph[]): Glyph[] {
  const found: Glyph[] = [];
  for (let rest = text; rest !== ''; rest = rest.slice(found.at(-1)!.text.length)) {
    const glyph = glyphs.find((candidate) => rest.startsWith(candidate.text));
    if (!glyph) {
      throw new RangeError(
        `painting the label ${JSON.stringify(text)}: this font has only the characters of <IMAGE 0123456789>. ` +
          'Pass a painter of your own as labels',
      );
    }
    found.push(glyph);
  }
  return found;
}

/** The pen moves in 64ths of a pixel; glyphs stand on whole ones, as Pillow sets them. */
function layOut(glyphs: readonly Glyph[]): Coverage {
  let pen = 0;
  const placed = glyphs.map((glyph) => {
    const x = (pen + 32) >> 6;
    pen += glyph.advance;
    return { glyph, x };
  });
  const width = Math.max(...placed.map(({ glyph, x }) => x + glyph.width), 0);
  const height = Math.max(...glyphs.map((glyph) => glyph.top + glyph.height), 0);
  const data = new Uint8Array(width * height);
  for (const { glyph, x } of placed) stamp(glyph, x, data, width);
  return { width, height, left: 0, top: 0, data };
}

function stamp(glyph: Glyph, x: number, data: Uint8Array, width: number): void {
  for (let row = 0; row < glyph.height; row++) {
    const start = (glyph.top + row) * width + x;
    for (let column = 0; column < glyph.width; column++) {
      const covered = glyph.data[row * glyph.width + column]!;
      data[start + column] = Math.max(data[start + column]!, covered);
    }
  }
}
