"""One example: pictures, the turns of a conversation about them, and what it exercises."""

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Turn:
    query: str
    answer: str
    #: Row of the evaluation table that the question belongs to.
    row: str = ""
    #: Which part of the answer, by characters, stands in which cell of the picture's only tile.
    spans: list[tuple[int, int, int]] = field(default_factory=list)


@dataclass
class Example:
    turns: list[Turn]
    #: RGB pixels [height, width, 3] each, as a user would hand them in.
    pictures: list[np.ndarray] = field(default_factory=list)
    #: Labels of each picture for the tower's own schooling, where asked for.
    labels: list[dict | None] = field(default_factory=list)
    #: base, web or write: which adapters act.
    mode: str = "base"
    #: still or strip: a strip is a clip's frames, laid out already.
    kind: str = "still"
    hd_num: int = 24
