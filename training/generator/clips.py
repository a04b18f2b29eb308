"""Clips whose frames show a number each, laid out as a strip by the rules of the chat's videos."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from .draw import BACKGROUNDS, COLOURS, SHAPES, Picture, draw_shape, draw_text, jitter, text_middles, text_width
from .examples import Span, Turn
from .objects import cell_of, read
from .rng import Random

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
# The published rules give frames 1120 pixels, labels 40, gaps 10 for tiles of 560 (PREPROCESS §6.2).
FRAME_TILES = 2
TILE = 112
LABEL_SHARE = 40 / 560
GAP_SHARE = 10 / 560


@dataclass
class Clip:
    frames: list[np.ndarray]
    numbers: list[str]
    shapes: list[str]
    #: Middles of each number's characters and of each shape in its frame.
    number_middles: list[list[tuple[int, int]]]
    shape_middles: list[tuple[int, int]]

    def cells_of_number(self, index: int) -> tuple[int, ...]:
        return tuple(self._cell(index, *middle) for middle in self.number_middles[index])

    def cell_of_shape(self, index: int) -> int:
        return self._cell(index, *self.shape_middles[index])

    def _cell(self, index: int, x: int, y: int) -> int:
        """Of a place of a frame in the strip's tiles: frames are enlarged, laid out and squeezed again."""
        side, (label, gap) = self.frames[0].shape[0], _margins(TILE)
        share = TILE / (FRAME_TILES * TILE + label)
        enlarged = FRAME_TILES * TILE / side
        left = index * (FRAME_TILES * TILE + gap)
        tiles = -(-int(len(self.frames) * (FRAME_TILES * TILE + gap) * share) // TILE)
        return cell_of(int((left + x * enlarged) * share), int((label + y * enlarged) * share), tiles * TILE)


def _margins(tile: int) -> tuple[int, int]:
    """Height of the labels and width of the gaps."""
    return round(LABEL_SHARE * tile), round(GAP_SHARE * tile)


def random_clip(random: Random, count: int, side: int = 112) -> Clip:
    """Square frames. What they show keeps to the middle, so that tiles of the strip cut none of it."""
    clip = Clip([], [], [], [], [])
    for _ in range(count):
        picture = Picture(side, side, random.pick(BACKGROUNDS))
        number = str(random.below(100 if random.chance(70) else 10))
        colour = random.pick([name for name in COLOURS if name != "yellow"])
        scale = random.between(3, 4)
        width = text_width(number, scale)
        x = side // 2 - width // 2 + random.between(-8, 8)
        y = 14 + random.between(-6, 6)
        draw_text(picture, number, x, y, scale, jitter(random, COLOURS[colour]))
        shape, colour = random.pick(SHAPES), random.pick(list(COLOURS))
        size = random.between(20, 34)
        left = side // 2 - size // 2 + random.between(-10, 10)
        ink = jitter(random, COLOURS[colour])
        top = 66 + random.below(10)
        draw_shape(picture, shape, colour, ink, left, top, size)
        clip.frames.append(picture.pixels)
        clip.numbers.append(number)
        clip.shapes.append(f"{colour} {shape}")
        clip.number_middles.append(text_middles(number, x, y, scale))
        clip.shape_middles.append((left + size // 2, top + size // 2))
    return clip


def strip_of(frames: list[np.ndarray], tile: int = TILE) -> np.ndarray:
    """Square frames side by side under their labels, as high as a tile and white up to whole tiles."""
    side = FRAME_TILES * tile
    label, gap = _margins(tile)
    composite = Picture(len(frames) * (side + gap), side + label)
    for index, frame in enumerate(frames):
        left = index * (side + gap)
        draw_text(composite, f"<IMAGE {index}>", left, 0, 1, (0, 0, 0))
        resized = _encoded(frame).resize((side, side), Image.Resampling.BILINEAR)
        composite.pixels[label:, left : left + side] = np.asarray(resized)
        if index < len(frames) - 1:  # black, but 2 pixels wide where a frame has 1120
            composite.fill(left + side, 0, 2, side + label, (204, 204, 204))
    return squeeze_strip(composite.pixels, tile)


def _encoded(frame: np.ndarray) -> Image.Image:
    """As a video keeps it: one colour for 2 × 2 pixels of different brightness."""
    brightness, *colour = Image.fromarray(frame).convert("YCbCr").split()
    half = (frame.shape[1] // 2, frame.shape[0] // 2)
    colour = [plane.resize(half, Image.Resampling.BOX).resize(brightness.size, Image.Resampling.NEAREST) for plane in colour]
    return Image.merge("YCbCr", (brightness, *colour)).convert("RGB")


def squeeze_strip(composite: np.ndarray, tile: int = TILE) -> np.ndarray:
    height, width, _ = composite.shape
    lying = width >= height
    ratio = width / height if lying else height / width
    long = int(tile * ratio)
    size = (long, tile) if lying else (tile, long)
    resized = np.asarray(Image.fromarray(composite).resize(size, Image.Resampling.BILINEAR))
    missing = -long % tile
    return np.pad(resized, ((0, 0 if lying else missing), (0, missing if lying else 0), (0, 0)), constant_values=255)


def questions_about_clip(random: Random, clip: Clip, count: int) -> list[Turn]:
    kinds = (ask_end, ask_frame, ask_frame, ask_shape, ask_all)
    turns = {turn.query: turn for turn in (random.pick(kinds)(random, clip) for _ in range(count))}
    return list(turns.values())


def ask_end(random: Random, clip: Clip) -> Turn:
    word, index = random.pick((("first", 0), ("last", -1)))
    return _number(clip, word, index % len(clip.numbers))


def ask_frame(random: Random, clip: Clip) -> Turn:
    index = random.below(len(clip.numbers))
    return _number(clip, ORDINALS[index], index)


def _number(clip: Clip, which: str, index: int) -> Turn:
    return Turn(f"Which number appears in the {which} frame?", clip.numbers[index], "video", read(clip.cells_of_number(index)))


def ask_shape(random: Random, clip: Clip) -> Turn:
    index = random.below(len(clip.shapes))
    return Turn(f"What shape is in the {ORDINALS[index]} frame?", clip.shapes[index], "", [Span(0, len(clip.shapes[index]), ((clip.cell_of_shape(index),),))])


def ask_all(random: Random, clip: Clip) -> Turn:
    answer, spans = "", []
    for index, number in enumerate(clip.numbers):
        spans += read(clip.cells_of_number(index), len(answer))
        answer += f"{number}, "
    return Turn("Which numbers appear in the video?", answer[:-2], "", spans)
