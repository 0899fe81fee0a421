"""Which words a conversation is about: those that several people use, and who brought them up."""

from __future__ import annotations

import math
from array import array
from collections.abc import Collection, Iterable, Sequence

from bot.incidents.forms import words_of
from bot.incidents.units import Unit

_TOP = 4
"""Words of a unit that tell what it is about."""

_ENOUGH = 12
"""Units of a conversation that has a matter."""

_TAKEN_UP = 3
"""Units with a word that somebody brought up and others took up."""


class Vocabulary:
    """All words of `units`, each once a unit; the `names` of people are of no matter.

    Units go by their number. Words do too, in columns: a long conversation has a million of them.
    """

    def __init__(self, units: Sequence[Unit], names: Collection[str]) -> None:
        self._words = array("I")
        self._ends = array("I", [0])
        self._first = array("I")
        self._counts = array("I")
        self._spoken = bytearray()
        speakers = self._read(units)
        size = max(2, len(units))
        self._weights = array("d", bytes(8 * len(speakers)))
        self._common = bytearray(len(speakers))
        for number, (word, people) in enumerate(speakers.items()):
            if people > 1 and word not in names:
                self._common[number] = True
                rare = math.log(size / self._counts[number]) / math.log(size)
                self._weights[number] = math.log2(1 + people) * rare
        self._least = 1.0 if len(units) < _ENOUGH else 0.0
        self._topics = array("d", (self._heaviest(self.of(number), _TOP) for number in range(len(units))))
        told = [topic for unit, topic in zip(units, self._topics, strict=True) if topic and unit.kind is None]
        self._usual = sum(told) / len(told) if told else 1.0

    def _read(self, units: Sequence[Unit]) -> dict[str, int]:
        """Fill the columns; how many use each word, in the order of their numbers."""
        known: dict[str, int] = {}
        bits: dict[str, int] = {}
        speakers: list[int] = []
        for number, unit in enumerate(units):
            speaker = bits.setdefault(unit.author, 1 << len(bits))
            for name in words_of(unit.text):
                word = known.setdefault(name, len(known))
                if word == len(speakers):
                    speakers.append(0)
                    self._first.append(number)
                    self._counts.append(0)
                    self._spoken.append(False)
                speakers[word] |= speaker
                self._counts[word] += 1
                self._spoken[word] |= unit.kind is None
                self._words.append(word)
            self._ends.append(len(self._words))
        return {name: each.bit_count() for name, each in zip(known, speakers, strict=True)}

    def of(self, number: int) -> array[int]:
        """The words of the `number`th unit, as numbers."""
        return self._words[self._ends[number] : self._ends[number + 1]]

    def topic(self, number: int) -> float:
        """How much a unit is about what others talk of; 1 is usual, and the least where too little was said to tell."""
        return max(self._least, self._topics[number] / self._usual)

    def shared_with_people(self, number: int) -> float:
        """How much the message of a bot is about what people talk of."""
        spoken = (word for word in self.of(number) if self._spoken[word])
        return max(self._least, 0.5 * self._heaviest(spoken, _TOP - 1))

    def brought_up(self, number: int) -> int:
        """How many words were first said in this one, and then by others."""
        return sum(
            self._first[word] == number and self._counts[word] >= _TAKEN_UP and self._common[word]
            for word in self.of(number)
        )

    def _heaviest(self, words: Iterable[int], most: int) -> float:
        return sum(sorted((self._weights[word] for word in words), reverse=True)[:most])
