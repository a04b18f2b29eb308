"""Reads the 5 × 7 font that both languages share: a line of text per row, `#` is ink."""

import json
from functools import cache
from pathlib import Path

import numpy as np

#: What both languages share lies beside the TypeScript.
SHARED = Path(__file__).parents[2] / "fixtures" / "tiny-data"
GLYPHS: dict[str, list[str]] = json.loads((SHARED / "font.json").read_text())
CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@cache
def glyph(character: str, scale: int) -> np.ndarray:
    """Ink of a character, every font pixel drawn as a square: bool [7 · scale, 5 · scale]."""
    rows = np.array([[cell == "#" for cell in row] for row in GLYPHS[character]])
    return rows.repeat(scale, 0).repeat(scale, 1)
