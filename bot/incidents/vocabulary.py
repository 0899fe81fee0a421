"""Which words a conversation is about: those that several people use, and who brought them up."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Collection, Sequence

from bot.incidents.units import Unit

_TOP = 4
"""Words of a unit that tell what it is about."""

_ENOUGH = 12
"""Units of a conversation that has a matter."""

_TAKEN_UP = 3
"""Units with a word that somebody brought up and others took up."""


class Vocabulary:
    """Counts of all words of `units`, each once a unit; the `names` of people are of no matter."""

    def __init__(self, units: Sequence[Unit], names: Collection[str]) -> None:
        counts: Counter[str] = Counter()
        first: dict[str, int] = {}
        people: Counter[str] = Counter()
        seen: set[tuple[str, str]] = set()
        spoken: set[str] = set()
        for number, unit in enumerate(units):
            counts.update(unit.words)
            for word in unit.words:
                first.setdefault(word, number)
                if (word, unit.main.author) not in seen:
                    seen.add((word, unit.main.author))
                    people[word] += 1
            if unit.kind is None:
                spoken |= unit.words
        self._least = 1.0 if len(units) < _ENOUGH else 0.0
        self._first = first
        self._counts = counts
        self._spoken = spoken
        size = max(2, len(units))
        self._weights = {
            word: math.log2(1 + count) * math.log(size / counts[word]) / math.log(size)
            for word, count in people.items()
            if count > 1 and word not in names
        }
        topics = [self._topic(unit) for unit in units if unit.kind is None]
        told = [topic for topic in topics if topic]
        self._usual = sum(told) / len(told) if told else 1.0

    def topic(self, unit: Unit) -> float:
        """How much `unit` is about what others talk of; 1 is usual, and the least where too little was said to tell."""
        return max(self._least, self._topic(unit) / self._usual)

    def shared_with_people(self, unit: Unit) -> float:
        """How much the message of a bot is about what people talk of."""
        found = (self._weights.get(word, 0.0) for word in unit.words if word in self._spoken)
        return max(self._least, 0.5 * sum(heapq.nlargest(_TOP - 1, found)))

    def brought_up(self, unit: Unit, number: int) -> int:
        """How many words were first said in this one, the `number`th, and then by others."""
        return sum(
            1
            for word in unit.words
            if self._first[word] == number and self._counts[word] >= _TAKEN_UP and word in self._weights
        )

    def _topic(self, unit: Unit) -> float:
        return sum(heapq.nlargest(_TOP, (self._weights.get(word, 0.0) for word in unit.words)))
