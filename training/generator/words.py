"""The words that pictures, pages and articles are made of."""

import json

from .font import SHARED

WORDS: list[str] = json.loads((SHARED / "words.json").read_text())
