"""Short articles from a small grammar: what the `write` adapter learns."""

import json

from .examples import Turn
from .font import SHARED
from .rng import Random

_GRAMMAR: dict[str, list[str]] = json.loads((SHARED / "articles.json").read_text())
TOPICS, OPENINGS, MIDDLES, CLOSINGS = (_GRAMMAR[part] for part in ("topics", "openings", "middles", "closings"))


def article_turn(random: Random) -> Turn:
    topic = random.pick(TOPICS)
    lines = [random.pick(OPENINGS), *random.sample(MIDDLES, random.between(1, 3)), random.pick(CLOSINGS)]
    query = random.pick(("Write a short article about {}.", "Please write a blog about {}.")).format(topic)
    title = f"On {topic}"
    return Turn(query, "\n".join([title, *(line.format(topic) for line in lines)]), "article")
