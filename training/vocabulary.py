"""
Makes tokenizer.model: SentencePiece BPE with byte fallback and no dummy prefix. The characters of
codes never merge, so that a text in a picture is written as it is read, one by one.

    python training/vocabulary.py
"""

import re
import struct
from collections import Counter
from pathlib import Path

from generator.draw import COLOURS
from generator.families import articles, instructions, later_picture, objects, screenshots, several, talk, videos
from generator.font import CHARACTERS
from generator.rng import Random, seed_of
from prompts import META_CHAT, PLACEHOLDER
from wording import everyday_texts

PATH = Path(__file__).parent / "tokenizer.model"
SPACE = "\u2581"
#: Turns, and the ones that other recipes of the family know.
MARKERS = [f"[UNUSED_TOKEN_{number}]" for number in (*range(8), 130, 145, 146)]
#: Ordinary writing that is one piece all the same: digits never merge, and pages are full of this.
SHADE = "-600"
PUNCTUATION = "\n.,;:!?<>/=\"'()-#+*&%_[]{}@"
CHINESE = "".join(sorted({character for character in META_CHAT if character > "\x7f"}))
#: So that 1,100 pieces come of it all. Words of the lessons are whole; of others the most frequent parts are.
MERGES = 725
STREAM = 900
CODE = re.compile(f"[{CHARACTERS}]{{2,}}|[0-9]")
WORD = re.compile(r" ?[^ \n?.,;:]+|[?.,;:\n]| ")
# Numbers of SentencePiece's model file.
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE, BPE = 1, 2, 3, 4, 6, 2


def words() -> Counter:
    """What is asked and answered, word by word with the space before it; codes are left out."""
    families = (objects, several, later_picture, videos, screenshots, instructions, articles, talk)
    texts = ["user", "assistant", "system"] * 1000 + list(COLOURS)
    for index in range(300):
        for family in families:
            example = family(Random(seed_of(STREAM, index)))
            texts += [text for turn in example.turns for text in (turn.query.replace(PLACEHOLDER, ""), turn.answer)]
    texts += everyday_texts()
    parts = (part for text in texts for part in CODE.split(text.replace(SHADE, "0")))
    return Counter(word.replace(" ", SPACE) for part in parts for word in WORD.findall(part))


def learn_merges(counts: Counter) -> list[str]:
    """The most frequent pair becomes a piece, again and again; ties go by the alphabet."""
    split = {word: list(word) for word in counts}
    merges = []
    while len(merges) < MERGES:
        pairs = Counter()
        for word, symbols in split.items():
            for pair in zip(symbols, symbols[1:]):
                if not _begins_a_code(*pair):
                    pairs[pair] += counts[word]
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        if "".join(best) not in merges:
            merges.append("".join(best))
        for word, symbols in split.items():
            split[word] = _merge(symbols, best)
    return merges


def _begins_a_code(left: str, right: str) -> bool:
    """A code after a space is still written one by one."""
    return left == SPACE and len(right) == 1 and right in CHARACTERS


def _merge(symbols: list[str], pair: tuple[str, str]) -> list[str]:
    merged: list[str] = []
    for symbol in symbols:
        if merged and (merged[-1], symbol) == pair:
            merged[-1] += symbol
        else:
            merged.append(symbol)
    return merged


def pieces() -> list[tuple[str, float, int]]:
    special = [("<unk>", 0.0, UNKNOWN), ("<s>", 0.0, CONTROL), ("</s>", 0.0, CONTROL)]
    every_byte = [(f"<0x{value:02X}>", 0.0, BYTE) for value in range(256)]
    characters = [SPACE, *CHARACTERS, *"abcdefghijklmnopqrstuvwxyz", *PUNCTUATION, *CHINESE]
    merges = [merge for merge in learn_merges(words()) if merge not in (SHADE, *MARKERS)]
    normal = [(text, -float(rank), NORMAL) for rank, text in enumerate([*merges, *characters])]
    return [*special, *every_byte, *normal, *((text, 0.0, USER_DEFINED) for text in [SHADE, *MARKERS])]


def model_file(rows: list[tuple[str, float, int]]) -> bytes:
    """SentencePiece's ModelProto: pieces, then what of its trainer and normalizer matters to readers."""
    message = b"".join(_field(1, _piece(*row)) for row in rows)
    trainer = _number(3, BPE) + _number(35, 1) + _number(40, 0) + _number(41, 1) + _number(42, 2)
    normalizer = _field(1, b"identity") + _number(3, 0) + _number(4, 0) + _number(5, 1)
    return message + _field(2, trainer) + _field(3, normalizer)


def _piece(text: str, score: float, kind: int) -> bytes:
    return _field(1, text.encode()) + _varint(2 << 3 | 5) + struct.pack("<f", score) + _number(3, kind)


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    low, rest = value & 127, value >> 7
    return bytes([low | 128]) + _varint(rest) if rest else bytes([low])


if __name__ == "__main__":
    PATH.write_bytes(model_file(pieces()))
