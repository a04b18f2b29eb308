"""Draws the labels' glyphs once, so that nobody needs a font at run time.

    python3 packages/video/scripts/build-label-atlas.py DejaVuSans.ttf

Needs Pillow with Raqm (its wheels have it). Writes src/compose/label-atlas.generated.ts, after it has
checked that labels put together from the glyphs equal those that Pillow draws in one go.
"""

import base64
import pathlib
import sys

from PIL import Image, ImageChops, ImageFont
from PIL import __version__ as pillow

SIZE = 40  # spec PREPROCESS 6.2
PREFIX = '<IMAGE '  # one glyph: kerning moves its letters
CHARACTERS = '0123456789>'
TARGET = pathlib.Path(__file__).parent.parent / 'src/compose/label-atlas.generated.ts'

font = ImageFont.truetype(sys.argv[1], SIZE, layout_engine=ImageFont.Layout.RAQM)


def draw(text):
    mask, (left, top) = font.getmask2(text, mode='L')
    return Image.frombytes('L', mask.size, bytes(mask)), left, top


def on_page(image, left, top):
    page = Image.new('L', (500, 60))
    page.paste(image, (left, top))
    return page


def put_together(number):
    page = on_page(*draw(PREFIX))
    pen = font.getlength(PREFIX)
    for character in f'{number}>':
        glyph, left, top = draw(character)
        at = int((pen * 64 + 32) // 64)
        page = ImageChops.lighter(page, on_page(glyph, at + left, top))
        pen += font.getlength(character)
    return page


def entry(text):
    glyph, left, top = draw(text)
    advance = font.getlength(text) * 64
    assert left == 0 and advance == int(advance)
    coverage = base64.b64encode(glyph.tobytes()).decode()
    return (
        f'  {{ text: {text!r}, width: {glyph.width}, height: {glyph.height}, top: {top}, '
        f"advance: {int(advance)}, coverage: '{coverage}' }},"
    )


for number in [*range(300), 999, 1000, 4711, 9999, 12345]:
    assert put_together(number).tobytes() == on_page(*draw(f'<IMAGE {number}>')).tobytes(), number

lines = '\n'.join(entry(text) for text in [PREFIX, *CHARACTERS])
TARGET.write_text(f"""// Made by scripts/build-label-atlas.py with Pillow {pillow} from {' '.join(font.getname())}, {SIZE} pixels.
// DejaVu fonts: see LICENSE-DejaVu.

/** A piece of a label: its 8-bit coverage, base64, and where it stands. */
export interface AtlasGlyph {{
  readonly text: string;
  readonly width: number;
  readonly height: number;
  /** Pixels below the anchor, which is the ascender's line. */
  readonly top: number;
  /** How far the pen moves, in 64ths of a pixel. */
  readonly advance: number;
  /** [height, width], base64 */
  readonly coverage: string;
}}

export const labelAtlas: readonly AtlasGlyph[] = [
{lines}
];
""")
print(f'{TARGET}: {TARGET.stat().st_size} bytes')
