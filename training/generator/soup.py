"""Tiles crowded with glyphs and shapes, cut anywhere: schooling for the tower alone."""

import numpy as np
from PIL import Image

from .draw import BACKGROUNDS, COLOUR_IDS, COLOURS, SHAPES, SUBCELL, WHITE, Picture, draw_shape, draw_text, jitter, text_width
from .objects import random_text
from .rng import Random

SIDE, TILE = 168, 112


def soup_tile(random: Random) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Pixels [112, 112, 3] and labels [16, 16] of what stands in each square of 7 pixels."""
    picture = Picture(SIDE, SIDE, random.pick(BACKGROUNDS), labelled=True)
    y = random.below(20)
    while y < SIDE - 40:
        y += _row(random, picture, y) + random.between(2, 12)
    x, y = (2 * random.below((SIDE - TILE) // (2 * SUBCELL) + 1) for _ in range(2))
    pixels = picture.pixels[y * SUBCELL :, x * SUBCELL :][:TILE, :TILE]
    if random.chance(15):
        pixels = _blur(pixels)
    return pixels, label_squares(picture.labels, x, y)


def _row(random: Random, picture: Picture, y: int) -> int:
    """Draws a line of text or of shapes and returns its height."""
    if random.chance(30):
        return _shapes(random, picture, y)
    scale = random.pick((2, 2, 2, 3, 3, 4))
    x = random.below(24)
    while True:
        text = random_text(random, 1, 8)
        if x + text_width(text, scale) + 3 > SIDE:
            return 7 * scale + 4
        _text(random, picture, text, x + 2, y + 2, scale)
        x += text_width(text, scale) + random.between(8, 30)


def _text(random: Random, picture: Picture, text: str, x: int, y: int, scale: int) -> None:
    colour = random.pick(list(COLOURS))
    rgb, colour_id = jitter(random, COLOURS[colour]), COLOUR_IDS[colour]
    if random.chance(35):
        picture.fill(x - 2, y - 2, text_width(text, scale) + 4, 7 * scale + 4, rgb, colour_id)
        draw_text(picture, text, x, y, scale, WHITE, colour_id)
    else:
        draw_text(picture, text, x, y, scale, rgb, colour_id)


def _shapes(random: Random, picture: Picture, y: int) -> int:
    most = random.between(14, 38)
    x = random.below(24)
    while x + most < SIDE:
        size = random.between(most * 2 // 3, most)
        colour = random.pick(list(COLOURS))
        draw_shape(picture, random.pick(SHAPES), colour, jitter(random, COLOURS[colour]), x, y, size)
        x += size + random.between(2, 40)
    return most


def _blur(pixels: np.ndarray) -> np.ndarray:
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    larger = picture.resize((2 * TILE, 2 * TILE), Image.Resampling.BILINEAR)
    return np.asarray(larger.resize((TILE, TILE), Image.Resampling.BILINEAR))


def label_squares(labels: dict[str, np.ndarray], x: int = 0, y: int = 0) -> dict[str, np.ndarray]:
    """The labels of one tile whose first square is (x, y)."""
    side = TILE // SUBCELL
    middle = SUBCELL // 2
    squares = {name: labels[name] for name in ("glyph", "order", "shape")}
    squares["colour"] = labels["colour"][middle::SUBCELL, middle::SUBCELL]
    return {name: plane[y : y + side, x : x + side] for name, plane in squares.items()}
