"""
Asks a trained state fresh questions, greedily, and prints how many answers are right per row.

    python training/evaluate.py --run tiny --stage chat --count 200
"""

import argparse
import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import json  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from functools import partial  # noqa: E402

import numpy as np  # noqa: E402
import torch  # noqa: E402

from batches import canvases_of  # noqa: E402
from export import trained_model  # noqa: E402
from generator import families  # noqa: E402
from generator.examples import Example  # noqa: E402
from generator.rng import Random, seed_of  # noqa: E402
from model import XComposer  # noqa: E402
from prompts import prompt_of, turn_end, vocabulary  # noqa: E402
from tiles import layout_of, views_and_tiles  # noqa: E402

#: Streams of training are below.
FIRST_STREAM = 1000


def asked_first(family: Callable, row: str, random: Random) -> Example | None:
    """An example whose only turn is its first one of this row."""
    example = family(random)
    for turn in example.turns:
        if turn.row == row:
            turn.query = turn.query if turn is example.turns[0] else _with_labels(example, turn.query)
            example.turns = [turn]
            return example
    return None


def _with_labels(example: Example, query: str) -> str:
    head, found, _ = example.turns[0].query.rpartition("<ImageHere>; ")
    return head + found + query


def second_turn(random: Random) -> Example:
    example = families.later_picture(random)
    example.turns = example.turns[:2]
    return example


def read_in_one_tile(random: Random) -> Example:
    example = families.small_codes(random, turns=1)
    example.hd_num = 1
    return example


def without_adapter(family: Callable, random: Random) -> Example:
    example = family(random)
    example.mode = "base"
    return example


ROWS: dict[str, Callable[[Random], Example | None]] = {
    **{row: partial(asked_first, families.objects, row) for row in ("colour", "shape", "count", "position", "presence", "describe")},
    "code": partial(asked_first, partial(families.codes, turns=1), "code"),
    "small code": partial(families.small_codes, turns=1),
    "small code uncut": partial(families.small_codes, turns=1, cut=0),
    "small code, hdNum 1": read_in_one_tile,
    "too small": partial(families.too_small, turns=1),
    "two pictures": partial(asked_first, families.several, "several"),
    "three pictures": partial(asked_first, partial(families.several, count=3), "several"),
    "second turn": second_turn,
    "video of 3": partial(asked_first, families.videos, "video"),
    "video of 5": partial(asked_first, partial(families.videos, count=5), "video"),
    "screenshot": families.screenshots,
    "instruction": families.instructions,
    "screenshot, base": partial(without_adapter, families.screenshots),
    "instruction, base": partial(without_adapter, families.instructions),
    "article": families.articles,
}


def examples(row: str, count: int) -> Iterator[Example]:
    stream, index = FIRST_STREAM + list(ROWS).index(row), 0
    while count:
        example = ROWS[row](Random(seed_of(stream, index)))
        index += 1
        if example:
            count -= 1
            yield example


@torch.inference_mode()
def answer(model: XComposer, example: Example, longest: int = 220) -> str:
    """The likeliest continuation after the last turn's question."""
    canvases = canvases_of(example)
    given = [turn.answer for turn in example.turns[:-1]]
    ids = torch.tensor([prompt_of(example, [layout_of(canvas) for canvas in canvases], given)])
    rows = model.image_rows(*views_and_tiles(np.stack(canvases))) if canvases else None
    pasts = [[] for _ in model.model.layers]
    x, image = model.embed(ids, rows)
    hidden = model.model(x, image, example.mode, pasts)
    written: list[int] = []
    while len(written) < longest:
        best = int(model.output(hidden[:, -1]).argmax())
        if best in (turn_end(), vocabulary().eos_id()):
            break
        written.append(best)
        x, _ = model.embed(torch.tensor([[best]]), None)
        hidden = model.model(x, None, example.mode, pasts, start=ids.shape[1] + len(written) - 1)
    return vocabulary().decode(written)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", default="tiny")
    parser.add_argument("--stage", default="chat")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--rows", nargs="*", default=list(ROWS))
    parser.add_argument("--show", type=int, default=0, help="print so many wrong answers of each row")
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = trained_model(options.run, (options.stage,))
    for row in options.rows:
        wrong = []
        for example in examples(row, options.count):
            found, expected = answer(model, example), example.turns[-1].answer
            if found != expected:
                wrong.append((example.turns[-1].query, expected, found))
        share = 100 * (1 - len(wrong) / options.count)
        print(json.dumps({"row": row, "right": round(share, 1), "of": options.count}), flush=True)
        for each in wrong[: options.show]:
            print("   ", *map(repr, each))


if __name__ == "__main__":
    main()
