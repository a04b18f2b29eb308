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
from tiles import canvas_of, image_positions, views_and_tiles


@dataclass
class Batch:
    ids: Tensor
    targets: Tensor
    #: Pictures of one layout, in the order of their places; none in a batch of text.
    views: Tensor | None
    tiles: Tensor | None
    mode: str
    #: As `Sequence.cells`.
    cells: Tensor


def canvases_of(example: Example) -> list[np.ndarray]:
    if example.kind == "strip":
        return example.pictures
    return [canvas_of(picture, example.hd_num) for picture in example.pictures]


def make_batch(family: Callable[[Random], Example], stream: int, step: int, size: int) -> Batch:
    """Examples number step · size and on of a stream. All must have the same layout and mode."""
    examples = [family(Random(seed_of(stream, step * size + index))) for index in range(size)]
    canvases = [canvases_of(example) for example in examples]
    sequences = [sequence_of(example, [image_positions(canvas) for canvas in own]) for example, own in zip(examples, canvases)]
    views = tiles = None
    if flat := [canvas for own in canvases for canvas in own]:
        views, tiles = views_and_tiles(np.stack(flat))
    ids, targets, cells = _pad(sequences)
    return Batch(ids, targets, views, tiles, examples[0].mode, cells)


def _pad(sequences: list[Sequence]) -> tuple[Tensor, Tensor, Tensor]:
    longest = max(len(sequence.ids) for sequence in sequences)
    ids = np.full((len(sequences), longest), 2, np.int64)
    targets = np.full((len(sequences), longest), -100, np.int64)
    cells = np.full((len(sequences), longest), -1, np.int64)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence.ids)] = sequence.ids
        targets[row, : len(sequence.targets)] = sequence.targets
        cells[row, : len(sequence.cells)] = sequence.cells
    return torch.from_numpy(ids), torch.from_numpy(targets), torch.from_numpy(cells)


def schedule(weights: dict[str, int], step: int) -> str:
    """Which family a step draws: each as often as its weight says, evenly spread, the same each run."""
    served = Counter()
    total = sum(weights.values())
    for turn in range(step % total + 1):
        name = max(weights, key=lambda each: (turn + 1) * weights[each] / total - served[each])
        served[name] += 1
    return name
