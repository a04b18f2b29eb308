"""From a conversation to ids, by the published template (CHAT §2, §4)."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import sentencepiece

from generator.examples import Example, Span
from tiles import Layout

TURN_START, TURN_END = "[UNUSED_TOKEN_146]", "[UNUSED_TOKEN_145]"
PLACEHOLDER = "<ImageHere>"
IMAGE = -1
META_CHAT = """You are an AI assistant whose name is InternLM-XComposer (浦语·灵笔).
- InternLM-XComposer (浦语·灵笔) is a multi-modality conversational language model that is developed by Shanghai AI Laboratory (上海人工智能实验室). It is designed to be helpful, honest, and harmless.
- InternLM-XComposer (浦语·灵笔) can understand and communicate fluently in the language chosen by the user such as English and 中文.
- InternLM-XComposer (浦语·灵笔) is capable of comprehending and articulating responses effectively based on the provided image."""


@cache
def vocabulary() -> sentencepiece.SentencePieceProcessor:
    return sentencepiece.SentencePieceProcessor(model_file=str(Path(__file__).parent / "tokenizer.model"))


@cache
def turn_end() -> int:
    return vocabulary().piece_to_id(TURN_END)


@dataclass
class Sequence:
    #: −1 where an image stands.
    ids: np.ndarray
    #: What each position should say next; −100 where nothing is asked.
    targets: np.ndarray
    #: Which picture, or which tile of the only picture, each position belongs to; −1 where that says nothing.
    places: np.ndarray
    #: For positions that should look somewhere: the places to look at, any position of each.
    looks: dict[int, list[list[int]]]


def sequence_of(example: Example, layouts: list[Layout]) -> Sequence:
    """The whole conversation. Only answers, and the marker that ends each, are learned."""
    prompt = _Prompt(example, layouts)
    for index, turn in enumerate(example.turns):
        opening = "\n" if index else ""
        begin = prompt.add(f"{opening}{TURN_START}user\n{turn.query}{TURN_END}\n{TURN_START}assistant\n")
        prompt.add_answer(turn.answer, turn.spans, begin + len(f"{opening}{TURN_START}user\n"))
    targets = np.where(prompt.learned, prompt.ids, -100)
    return Sequence(
        np.array(prompt.ids[:-1], np.int64),
        targets[1:].astype(np.int64),
        np.array(prompt.places[:-1], np.int64),
        {position - 1: groups for position, groups in prompt.looks.items()},
    )


def prompt_of(example: Example, layouts: list[Layout], answers: list[str]) -> list[int]:
    """Ids up to where the next answer begins, `answers` being those given so far."""
    prompt = _Prompt(example, layouts)
    text = ""
    for turn, answer in zip(example.turns, [*answers, None]):
        text += f"{TURN_START}user\n{turn.query}{TURN_END}\n{TURN_START}assistant\n"
        text += "" if answer is None else f"{answer}{TURN_END}\n"
    prompt.add(text)
    return prompt.ids


class _Prompt:
    """Ids as they are added, and what is to be learned of them."""

    def __init__(self, example: Example, layouts: list[Layout]):
        self.ids, self.learned, self.places = [vocabulary().bos_id()], [False], [-1]
        self.looks: dict[int, list[list[int]]] = {}
        self.layouts = layouts
        #: Where each picture begins, and which token holds each character of the text.
        self.pictures: list[int] = []
        self.token_of: list[int] = []
        if len(layouts) == 1 and not any(PLACEHOLDER in turn.query for turn in example.turns):
            self._add_image()

    def add(self, text: str) -> int:
        """
        Text around images is tokenized in parts: a merge never crosses an image. Returns how many
        characters came before.
        """
        before = len(self.token_of)
        for index, part in enumerate(text.split(PLACEHOLDER)):
            if index:
                self._add_image()
            self._add_pieces(part, False)
        return before

    def add_answer(self, text: str, spans: list[Span], query_begin: int) -> None:
        """`query_begin`: the character that the turn's query begins with."""
        for position, middle in self._add_pieces(text, True).items():
            own = [span for span in spans if span.begin <= middle < span.end]
            if own:
                self.looks[position] = self._groups(own[-1], query_begin)
        self.ids.append(turn_end())
        self.learned.append(True)
        self.places.append(-1)

    def _groups(self, span: Span, query_begin: int) -> list[list[int]]:
        """Positions of each thing that the span is read from."""
        if span.query:
            begin, end = (query_begin + character for character in span.query)
            return [sorted(set(self.token_of[begin:end]))]
        first = self.pictures[span.picture] if span.things else 0
        groups = [[first + at for cell in cells for at in self.layouts[span.picture].positions_of(cell)] for cells in span.things]
        return groups + ([[0]] if span.at_start else [])

    def _add_pieces(self, text: str, learned: bool) -> dict[int, float]:
        """Returns the positions and the middles, by characters, of the pieces."""
        middles, start = {}, 0
        for piece in vocabulary().encode(text, out_type=str):
            middles[len(self.ids)] = start + len(piece) / 2
            start += len(piece)
            self.token_of += [len(self.ids)] * len(piece)
            self.ids.append(vocabulary().piece_to_id(piece))
            self.learned.append(learned)
            self.places.append(-1)
        return middles

    def _add_image(self) -> None:
        picture, layout = len(self.pictures), self.layouts[len(self.pictures)]
        self.pictures.append(len(self.ids))
        self.ids += [IMAGE] * layout.positions
        self.learned += [False] * layout.positions
        self.places += [self._place(picture, layout, position) for position in range(layout.positions)]

    def _place(self, picture: int, layout: Layout, position: int) -> int:
        if len(self.layouts) > 1:
            return picture
        return layout.tile_at(position) if layout != (1, 1) else -1
