"""One example: pictures, the turns of a conversation about them, and what it exercises."""

from dataclasses import dataclass, field, replace

import numpy as np


@dataclass(frozen=True)
class Span:
    """What characters `begin` to `end` of an answer are read from."""

    begin: int
    end: int
    #: Cells of each thing, numbered line by line through the tiles of the picture.
    things: tuple[tuple[int, ...], ...] = ()
    picture: int = 0
    #: Counts are read from the share that the prompt's start keeps; so is that there is nothing.
    at_start: bool = False
    #: Instead of things: any token that holds characters of this part of the query.
    query: tuple[int, int] | None = None

    def moved(self, characters: int) -> "Span":
        return replace(self, begin=self.begin + characters, end=self.end + characters)


def copied(count: int, begin: int, query_begin: int) -> list[Span]:
    """`count` characters that stand in the query as they stand in the answer."""
    return [Span(begin + k, begin + k + 1, query=(query_begin + k, query_begin + k + 1)) for k in range(count)]


@dataclass
class Turn:
    query: str
    answer: str
    #: Row of the evaluation table that the question belongs to.
    row: str = ""
    #: Of several that hold a character the last counts.
    spans: list[Span] = field(default_factory=list)


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
