"""Batches of conversations: pictures as tiles, texts padded at their end."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from generator.examples import Example
from generator.rng import Random, seed_of
from prompts import Sequence, sequence_of
from tiles import canvas_of, layout_of, views_and_tiles


@dataclass
class Batch:
    ids: Tensor
    targets: Tensor
    #: Pictures of one layout, in the order of their places; none in a batch of text.
    views: Tensor | None
    tiles: Tensor | None
    mode: str
    #: As `Sequence.places`.
    places: Tensor
    #: [looks, 2 + n]: a conversation, a position in it, and up to n positions of a thing that it should look at.
    looks: Tensor
    #: Of each look; those of one position sum to 1.
    shares: Tensor


def canvases_of(example: Example) -> list[np.ndarray]:
    if example.kind == "strip":
        return example.pictures
    return [canvas_of(picture, example.hd_num) for picture in example.pictures]


def make_batch(family: Callable[[Random], Example], stream: int, step: int, size: int) -> Batch:
    """Examples number step · size and on of a stream. All must have the same layout and mode."""
    examples = [family(Random(seed_of(stream, step * size + index))) for index in range(size)]
    canvases = [canvases_of(example) for example in examples]
    sequences = [sequence_of(example, [layout_of(canvas) for canvas in own]) for example, own in zip(examples, canvases)]
    views = tiles = None
    if flat := [canvas for own in canvases for canvas in own]:
        views, tiles = views_and_tiles(np.stack(flat))
    ids = _pad([sequence.ids for sequence in sequences], 2)
    targets = _pad([sequence.targets for sequence in sequences], -100)
    places = _pad([sequence.places for sequence in sequences], -1)
    return Batch(ids, targets, views, tiles, examples[0].mode, places, *_looks(sequences))


def _pad(rows: list[np.ndarray], value: int) -> Tensor:
    padded = np.full((len(rows), max(map(len, rows))), value, np.int64)
    for row, values in zip(padded, rows):
        row[: len(values)] = values
    return torch.from_numpy(padded)


def _looks(sequences: list[Sequence]) -> tuple[Tensor, Tensor]:
    looks, shares = [], []
    for row, sequence in enumerate(sequences):
        for position, groups in sequence.looks.items():
            looks += [np.array([row, position, *keys]) for keys in groups]
            shares += [1 / len(groups)] * len(groups)
    return (_pad(looks, -1) if looks else torch.empty(0, 3, dtype=torch.long)), torch.tensor(shares)


def schedule(weights: dict[str, int], step: int) -> str:
    """Which family a step draws: each as often as its weight says, evenly spread, the same each run."""
    served = Counter()
    total = sum(weights.values())
    for turn in range(step % total + 1):
        name = max(weights, key=lambda each: (turn + 1) * weights[each] / total - served[each])
        served[name] += 1
    return name
