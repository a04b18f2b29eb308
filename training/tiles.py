"""From a picture to the tiles that the tower reads: the same steps as `@lingbi/vision`."""

from math import ceil
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

TILE = 112
#: Cells along the side of a tile.
CELLS = 4
#: The view takes a line of cells and a separator four times, and a row stands between it and the tiles.
TILES_BEGIN = CELLS * (CELLS + 1) + 1
MEANS = torch.tensor([0.48145466, 0.4578275, 0.40821073])
DEVIATIONS = torch.tensor([0.26862954, 0.26130258, 0.27577711])


def canvas_of(pixels: np.ndarray, hd_num: int, tile: int = TILE) -> np.ndarray:
    """Resizes a picture to whole tiles and pads it with white at its end (PREPROCESS §2)."""
    if pixels.shape[1] < pixels.shape[0]:
        return canvas_of(pixels.transpose(1, 0, 2), hd_num, tile).transpose(1, 0, 2)
    height, width, _ = pixels.shape
    ratio = width / height
    across = 1
    while (across + 1) * ceil((across + 1) / ratio) <= hd_num:
        across += 1
    new_width = min(ceil(width / tile), across) * tile
    new_height = max(int(new_width / ratio), 1)
    if (new_width, new_height) != (width, height):
        picture = Image.fromarray(np.ascontiguousarray(pixels))
        pixels = np.asarray(picture.resize((new_width, new_height), Image.Resampling.BILINEAR))
    return np.pad(pixels, ((0, -new_height % tile), (0, 0), (0, 0)), constant_values=255)


def views_and_tiles(canvases: np.ndarray, tile: int = TILE) -> tuple[Tensor, Tensor]:
    """
    Canvases of one size, uint8 [n, height, width, 3] → global views [n, 3, tile, tile] and tiles
    [n, rows, columns, 3, tile, tile], normalised.
    """
    x = torch.from_numpy(np.ascontiguousarray(canvases)).permute(0, 3, 1, 2).float() / 255
    x = (x - MEANS[:, None, None]) / DEVIATIONS[:, None, None]
    if x.shape[2:] == (tile, tile):
        return x, x[:, None, None]
    view = F.interpolate(x, (tile, tile), mode="bicubic", align_corners=False)
    count, channels, height, width = x.shape
    grid = x.view(count, channels, height // tile, tile, width // tile, tile)
    return view, grid.permute(0, 2, 4, 1, 3, 5).contiguous()


class Layout(NamedTuple):
    """How a picture stands in the prompt (MODEL §8): its view, a row between, its tiles line by line."""

    rows: int
    columns: int

    @property
    def positions(self) -> int:
        return TILES_BEGIN + CELLS * self.rows * (CELLS * self.columns + 1)

    def positions_of(self, cell: int) -> list[int]:
        """Where a cell stands, counted from the picture's first row. A picture of one tile shows it twice."""
        line, column = divmod(cell, CELLS * self.columns)
        in_tiles = TILES_BEGIN + line * (CELLS * self.columns + 1) + column
        return [line * (CELLS + 1) + column, in_tiles] if self == (1, 1) else [in_tiles]

    def tile_at(self, position: int) -> int:
        """Which tile stands there; −1 for the view and separators."""
        line, column = divmod(position - TILES_BEGIN, CELLS * self.columns + 1)
        return line // CELLS * self.columns + column // CELLS if line >= 0 and column < CELLS * self.columns else -1


def layout_of(canvas: np.ndarray) -> Layout:
    return Layout(canvas.shape[0] // TILE, canvas.shape[1] // TILE)
