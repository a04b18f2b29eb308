"""Flat pictures of glyphs and shapes. Whole numbers only, so that every language draws the same pixels."""

from functools import cache

import numpy as np

from .font import CHARACTERS, glyph
from .rng import Random

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (220, 38, 38),
    "green": (22, 163, 74),
    "blue": (37, 99, 235),
    "yellow": (234, 200, 8),
    "orange": (249, 115, 22),
    "purple": (147, 51, 234),
    "pink": (244, 114, 182),
    "black": (20, 20, 20),
}
SHAPES = ("circle", "square", "triangle", "diamond", "cross", "ring")
BACKGROUNDS = ((255, 255, 255), (243, 244, 246), (254, 249, 225), (224, 242, 254), (220, 252, 231))
WHITE = (255, 255, 255)
COLOUR_IDS = {name: index + 1 for index, name in enumerate(COLOURS)}
# Labels of the tower's own schooling are kept for squares of 7 × 7 pixels: 2 × 2 in a patch of 14.
SUBCELL = 7


class Picture:
    """Pixels [height, width, 3], and what stands where if `labelled`."""

    def __init__(self, width: int, height: int, background=WHITE, labelled: bool = False):
        self.pixels = np.empty((height, width, 3), np.uint8)
        self.pixels[:] = background
        self.labels: dict[str, np.ndarray] | None = None
        if labelled:
            cells = (-(-height // SUBCELL), -(-width // SUBCELL))
            names = ("glyph", "order", "shape")
            self.labels = {name: np.zeros(cells, np.uint8) for name in names}
            self.labels["colour"] = np.zeros((height, width), np.uint8)

    @property
    def size(self) -> tuple[int, int]:
        height, width, _ = self.pixels.shape
        return width, height

    def stamp(self, mask: np.ndarray, x: int, y: int, rgb, colour_id: int = 0) -> None:
        height, width = mask.shape
        self.pixels[y : y + height, x : x + width][mask] = rgb
        if self.labels:
            self.labels["colour"][y : y + height, x : x + width][mask] = colour_id

    def fill(self, x: int, y: int, width: int, height: int, rgb, colour_id: int = 0) -> None:
        self.pixels[y : y + height, x : x + width] = rgb
        if self.labels:
            self.labels["colour"][y : y + height, x : x + width] = colour_id

    def mark(self, plane: str, x: int, y: int, value: int) -> None:
        if self.labels:
            self.labels[plane][y // SUBCELL, x // SUBCELL] = value


@cache
def shape_mask(shape: str, size: int) -> np.ndarray:
    """bool [size, size]. Coordinates are doubled and centred, so that all sides stay whole numbers."""
    steps = 2 * np.arange(size) + 1 - size
    u, v = np.abs(steps)[None, :], steps[:, None]
    radius = u * u + v * v
    match shape:
        case "circle":
            return radius <= size * size
        case "square":
            return np.ones((size, size), bool)
        case "triangle":
            return 2 * u <= v + size
        case "diamond":
            return u + np.abs(v) <= size
        case "cross":
            return (3 * u <= size) | (3 * np.abs(v) <= size)
        case "ring":
            return (radius <= size * size) & (4 * radius >= size * size)
    raise ValueError(f"no shape is called {shape}")


def draw_shape(picture: Picture, shape: str, colour: str, rgb, x: int, y: int, size: int) -> None:
    picture.stamp(shape_mask(shape, size), x, y, rgb, COLOUR_IDS[colour])
    picture.mark("shape", x + size // 2, y + size // 2, SHAPES.index(shape) + 1)


def text_width(text: str, scale: int) -> int:
    return (6 * len(text) - 1) * scale


def text_middles(text: str, x: int, y: int, scale: int) -> list[tuple[int, int]]:
    """Of each character that `draw_text` writes."""
    left, middle = x - x % 2 + 5 * scale // 2, y - y % 2 + 7 * scale // 2
    return [(left + 6 * scale * order, middle) for order in range(len(text))]


def draw_text(picture: Picture, text: str, x: int, y: int, scale: int, rgb, colour_id: int = 0):
    """On even pixels: a quarter of the places to learn."""
    x, y = x - x % 2, y - y % 2
    for order, character in enumerate(text):
        if character == " ":
            continue
        left = x + 6 * scale * order
        picture.stamp(glyph(character, scale), left, y, rgb, colour_id)
        middle = (left + 5 * scale // 2, y + 7 * scale // 2)
        if character in CHARACTERS:
            picture.mark("glyph", *middle, CHARACTERS.index(character) + 1)
            picture.mark("order", *middle, min(order, 7) + 1)


def jitter(random: Random, rgb, amount: int = 10) -> tuple[int, ...]:
    """A shade of the colour, up to `amount` away in every channel."""
    return tuple(min(255, max(0, c + random.between(-amount, amount))) for c in rgb)
