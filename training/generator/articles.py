"""Short articles from a small grammar: what the `write` adapter learns."""

from .examples import Turn
from .rng import Random

TOPICS = ("cats", "rain", "bread", "music", "trains", "gardens", "robots", "the sea", "winter", "tea", "books", "maps")
OPENINGS = ("Everybody knows {}, but few of us look twice.", "There is more to {} than meets the eye.", "A day with {} is never lost.")
MIDDLES = ("In the morning they are quiet.", "They change with the seasons.", "They ask for patience and give it back.", "Children see it at once; the rest of us must learn.", "Old friends tell stories about them.")  # fmt: skip
CLOSINGS = ("So let us be glad of {}.", "That is why we need {}.", "Tomorrow, look at {} again.")


def article_turn(random: Random) -> Turn:
    topic = random.pick(TOPICS)
    lines = [random.pick(OPENINGS), *random.sample(MIDDLES, random.between(1, 3)), random.pick(CLOSINGS)]
    query = random.pick(("Write a short article about {}.", "Please write a blog about {}.")).format(topic)
    title = f"On {topic}"
    return Turn(query, "\n".join([title, *(line.format(topic) for line in lines)]), "article")
