"""Random numbers that Python and TypeScript draw alike."""

from typing import Sequence, TypeVar

Item = TypeVar("Item")
_WORD = 0xFFFFFFFF


class Random:
    """Mulberry32: 32 bits of state, one number a call."""

    def __init__(self, seed: int):
        self.state = seed & _WORD

    def word(self) -> int:
        self.state = (self.state + 0x6D2B79F5) & _WORD
        t = self.state
        t = ((t ^ (t >> 15)) * (t | 1)) & _WORD
        t ^= (t + (((t ^ (t >> 7)) * (t | 61)) & _WORD)) & _WORD
        return t ^ (t >> 14)

    def below(self, count: int) -> int:
        """0 to count − 1: the high part of the product, exact in doubles for counts below 2²¹."""
        return (self.word() * count) >> 32

    def between(self, low: int, high: int) -> int:
        """low to high, both included."""
        return low + self.below(high - low + 1)

    def chance(self, percent: int) -> bool:
        return self.below(100) < percent

    def pick(self, items: Sequence[Item]) -> Item:
        return items[self.below(len(items))]

    def sample(self, items: Sequence[Item], count: int) -> list[Item]:
        """`count` different items, in random order."""
        pool = list(items)
        for i in range(count):
            j = i + self.below(len(pool) - i)
            pool[i], pool[j] = pool[j], pool[i]
        return pool[:count]


def seed_of(stream: int, index: int) -> int:
    """Seed of one example. Streams part training (below 1000) from evaluation (1000 and above)."""
    mixed = (stream * 0x9E3779B1 + index * 0x85EBCA6B + 0x27D4EB2F) & _WORD
    mixed ^= mixed >> 16
    mixed = (mixed * 0x7FEB352D) & _WORD
    return mixed ^ (mixed >> 15)
