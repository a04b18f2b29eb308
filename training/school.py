"""
The tower's own schooling: every patch says what stands in its four squares of 7 × 7 pixels. A
picture thus answers 256 questions at once, where a conversation asks a handful; the heads are
dropped afterwards.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generator.draw import COLOURS, SHAPES
from generator.families import codes, objects, screenshots, small_codes
from generator.font import CHARACTERS
from generator.rng import Random, seed_of
from generator.soup import label_squares, soup_tile
from tiles import views_and_tiles

CLASSES = {"glyph": len(CHARACTERS) + 1, "order": 9, "shape": len(SHAPES) + 1, "colour": len(COLOURS) + 1}
#: Most squares hold no middle of anything; they must not drown those that do.
WEIGHTS = {"glyph": 1.0, "order": 0.2, "shape": 0.5, "colour": 0.5}
EMPTY_WEIGHT = {"glyph": 0.1, "order": 0.0, "shape": 0.1, "colour": 0.3}


class SchoolHeads(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.heads = nn.ModuleDict({name: nn.Linear(width, 4 * count) for name, count in CLASSES.items()})

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        """[tiles, patches, width] → scores [tiles, patches · 4, classes]."""
        return {name: head(features).unflatten(-1, (4, CLASSES[name])).flatten(1, 2) for name, head in self.heads.items()}


def school_batch(stream: int, step: int, size: int) -> tuple[np.ndarray, dict[str, Tensor]]:
    """`size` tiles, uint8 [size, 112, 112, 3], and labels [size, patches · 4]."""
    lessons = [_lesson(Random(seed_of(stream, step * size + index))) for index in range(size)]
    pixels = np.stack([pixels for pixels, _ in lessons])
    labels = {name: torch.from_numpy(np.stack([_by_patch(squares[name]) for _, squares in lessons])).long() for name in CLASSES}
    return pixels, labels


def _lesson(random: Random) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    kind = random.below(100)
    if kind < 60:
        return soup_tile(random)
    if kind < 75:
        example = objects(random, turns=1, labelled=True)
    elif kind < 85:
        example = codes(random, turns=1, labelled=True)
    elif kind < 93:
        example = small_codes(random, turns=1, labelled=True)
    else:
        example = screenshots(random, labelled=True)
    return _random_tile(random, example.pictures[0], example.labels[0])


def _random_tile(random: Random, pixels: np.ndarray, labels: dict) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    x, y = (random.below(side // 112) for side in (pixels.shape[1], pixels.shape[0]))
    tile = pixels[y * 112 : y * 112 + 112, x * 112 : x * 112 + 112]
    return tile, label_squares(labels, x * 16, y * 16)


def _by_patch(squares: np.ndarray) -> np.ndarray:
    """[16, 16] → [64 · 4]: the four squares of a patch together."""
    return squares.reshape(8, 2, 8, 2).transpose(0, 2, 1, 3).reshape(-1)


def school_loss(scores: dict[str, Tensor], labels: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
    """Weighted cross entropy, and how many of the squares that hold something are right."""
    total, right = torch.zeros(()), {}
    for name, score in scores.items():
        weight = torch.ones(CLASSES[name])
        weight[0] = EMPTY_WEIGHT[name]
        total = total + WEIGHTS[name] * F.cross_entropy(score.float().flatten(0, 1), labels[name].flatten(), weight)
        held = labels[name] > 0
        right[name] = (score.argmax(-1) == labels[name])[held].float().mean().item()
    return total, right


def tiles_of(pixels: np.ndarray) -> Tensor:
    return views_and_tiles(pixels)[0]
