"""From a conversation to ids, by the published template (CHAT §2, §4)."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import sentencepiece

from generator.examples import Example, Turn

TURN_START, TURN_END = "[UNUSED_TOKEN_146]", "[UNUSED_TOKEN_145]"
PLACEHOLDER = "<ImageHere>"
IMAGE = -1
#: Positions of a picture of one tile.
ONE_TILE = 41
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
    #: Which cell of the picture each position should look at to say it; −1 where that is open.
    cells: np.ndarray


def sequence_of(example: Example, image_lengths: list[int]) -> Sequence:
    """The whole conversation. Only answers, and the marker that ends each, are learned."""
    ids, learned = [vocabulary().bos_id()], [False]
    cells: dict[int, int] = {}
    lengths = iter(image_lengths)
    if len(image_lengths) == 1 and not any(PLACEHOLDER in turn.query for turn in example.turns):
        _add_image(ids, learned, next(lengths))
    for index, turn in enumerate(example.turns):
        opening = "\n" if index else ""
        _add_text(ids, learned, f"{opening}{TURN_START}user\n{turn.query}{TURN_END}\n{TURN_START}assistant\n", lengths)
        answer = vocabulary().encode(turn.answer) + [turn_end()]
        if image_lengths == [ONE_TILE]:
            cells |= _cells_of(turn, len(ids))
        ids += answer
        learned += [True] * len(answer)
    targets = np.where(learned, ids, -100)
    looked = [cells.get(position, -1) for position in range(1, len(ids))]
    return Sequence(np.array(ids[:-1], np.int64), targets[1:].astype(np.int64), np.array(looked, np.int64))


def _cells_of(turn: Turn, begin: int) -> dict[int, int]:
    """Positions of an answer's tokens, and the cells that they are read from."""
    cells, start = {}, 0
    for position, piece in enumerate(vocabulary().encode(turn.answer, out_type=str), begin):
        middle = start + len(piece) / 2
        cells |= {position: cell for low, high, cell in turn.spans if low <= middle < high}
        start += len(piece)
    return cells


def prompt_of(example: Example, image_lengths: list[int], answers: list[str]) -> list[int]:
    """Ids up to where the next answer begins, `answers` being those given so far."""
    ids, learned = [vocabulary().bos_id()], [False]
    lengths = iter(image_lengths)
    if len(image_lengths) == 1 and not any(PLACEHOLDER in turn.query for turn in example.turns):
        _add_image(ids, learned, next(lengths))
    text = ""
    for turn, answer in zip(example.turns, [*answers, None]):
        text += f"{TURN_START}user\n{turn.query}{TURN_END}\n{TURN_START}assistant\n"
        text += "" if answer is None else f"{answer}{TURN_END}\n"
    _add_text(ids, learned, text, lengths)
    return ids


def _add_text(ids: list[int], learned: list[bool], text: str, lengths) -> None:
    """Text around images is tokenized in parts: a merge never crosses an image."""
    for index, part in enumerate(text.split(PLACEHOLDER)):
        if index:
            _add_image(ids, learned, next(lengths))
        pieces = vocabulary().encode(part)
        ids += pieces
        learned += [False] * len(pieces)


def _add_image(ids: list[int], learned: list[bool], length: int) -> None:
    ids += [IMAGE] * length
    learned += [False] * length
