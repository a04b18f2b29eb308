"""
Schooling of tower and projector: every patch says what stands in its four squares of 7 × 7 pixels, and
every row that the decoder will read says which characters stand in its cell and where the cell is. A
picture thus answers hundreds of questions at once, where a conversation asks a handful; the heads are
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
from model import Config, XComposer
from tiles import views_and_tiles

CLASSES = {"glyph": len(CHARACTERS) + 1, "order": 9, "shape": len(SHAPES) + 1, "colour": len(COLOURS) + 1}
#: Most squares hold no middle of anything; they must not drown those that do.
WEIGHTS = {"glyph": 1.0, "order": 0.2, "shape": 0.5, "colour": 0.5}
EMPTY_WEIGHT = {"glyph": 0.1, "order": 0.0, "shape": 0.1, "colour": 0.3}
#: A cell is 4 × 4 squares; it holds three characters of a line at most.
CELL_CLASSES = {
    "cell glyph 1": CLASSES["glyph"],
    "cell glyph 2": CLASSES["glyph"],
    "cell glyph 3": CLASSES["glyph"],
    "cell order": CLASSES["order"],
    "cell shape": CLASSES["shape"],
    "cell colour": CLASSES["colour"],
    "cell across": 5,
    "cell down": 5,
}
CELL_WEIGHT, CELL_EMPTY_WEIGHT = 0.5, 0.3
#: Pictures of a conversation, or tiles of its only picture.
PLACES = 9


class SchoolHeads(nn.Module):
    def __init__(self, config: Config):
        super().__init__()
        self.heads = nn.ModuleDict({name: nn.Linear(config.tower_hidden, 4 * count) for name, count in CLASSES.items()})
        self.cells = nn.ModuleDict({name: nn.Linear(config.hidden, count) for name, count in CELL_CLASSES.items()})
        self.places = nn.Linear(config.hidden, PLACES)

    def forward(self, features: Tensor, rows: Tensor) -> dict[str, Tensor]:
        """[tiles, patches, width], [tiles, cells, hidden] → scores [tiles, patches · 4 or cells, classes]."""
        squares = {name: head(features).unflatten(-1, (4, CLASSES[name])).flatten(1, 2) for name, head in self.heads.items()}
        return squares | {name: head(rows) for name, head in self.cells.items()}


def school_batch(stream: int, step: int, size: int) -> tuple[np.ndarray, dict[str, Tensor]]:
    """`size` tiles, uint8 [size, 112, 112, 3], and labels [size, patches · 4]."""
    lessons = [_lesson(Random(seed_of(stream, step * size + index))) for index in range(size)]
    pixels = np.stack([pixels for pixels, _ in lessons])
    labels = [{name: _by_patch(squares[name]) for name in CLASSES} | _cell_labels(squares) for _, squares in lessons]
    return pixels, {name: torch.from_numpy(np.stack([own[name] for own in labels])).long() for name in labels[0]}


def _lesson(random: Random) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    kind = random.below(100)
    if kind < 60:
        return soup_tile(random)
    if kind < 72:
        example = objects(random, turns=1, labelled=True)
    elif kind < 82:
        example = codes(random, turns=1, labelled=True)
    elif kind < 90:
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


def _cell_labels(squares: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """[16] each: what a cell holds, of several the first in reading order, and its column and line, both from 1."""
    cells = {name: plane.reshape(4, 4, 4, 4).transpose(0, 2, 1, 3).reshape(16, 16) for name, plane in squares.items()}
    glyphs = np.array([[*cell[cell > 0], 0, 0, 0][:3] for cell in cells["glyph"]])
    counts = np.stack([(cells["colour"] == colour).sum(1) for colour in range(1, CLASSES["colour"])], 1)
    return {
        **{f"cell glyph {place + 1}": glyphs[:, place] for place in range(3)},
        "cell order": np.array([[*cell[cell > 0], 0][0] for cell in cells["order"]]),
        "cell shape": cells["shape"].max(1),
        "cell colour": np.where(counts.any(1), counts.argmax(1) + 1, 0),
        "cell across": np.tile(np.arange(1, 5), 4),
        "cell down": np.repeat(np.arange(1, 5), 4),
    }


def school_loss(scores: dict[str, Tensor], labels: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
    """Weighted cross entropy, and how many of the squares that hold something are right."""
    total, right = torch.zeros(()), {}
    for name, score in scores.items():
        weight = torch.ones(score.shape[-1])
        weight[0] = EMPTY_WEIGHT.get(name, CELL_EMPTY_WEIGHT)
        total = total + WEIGHTS.get(name, CELL_WEIGHT) * F.cross_entropy(score.float().flatten(0, 1), labels[name].flatten(), weight)
        held = labels[name] > 0
        right[name] = (score.argmax(-1) == labels[name])[held].float().mean().item()
    return total, right


def schooling(model: XComposer, heads: SchoolHeads, pixels: np.ndarray, labels: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
    """Loss of a batch, and the shares that are right."""
    features = model.tower(views_and_tiles(pixels)[0].bfloat16())
    rows = model.vision_proj(model.merge(features).flatten(1, 2))
    return school_loss(heads(features, rows), labels)
