"""The words that pictures, pages and articles are made of."""

import json
from pathlib import Path

WORDS: list[str] = json.loads((Path(__file__).parent / "words.json").read_text())
