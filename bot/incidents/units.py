"""Messages that belong together: bursts, corrections, a question with its yes, a command with what came of it."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import overload

from bot.incidents.bots import Kind
from bot.incidents.conversation import Said
from bot.incidents.forms import asks, figures_in, outside_code, shows_code
from bot.incidents.lexicon import Cue, hear, shared
from bot.incidents.talk import Talk
from bot.incidents.told import CORRECTS

LONGEST_READ = 4_000
"""Characters of a message that are read and told: more is a pasted log, and must not cost its square."""

_CODE, _ASKS, _CORRECTED, _PART, _CALLED = 1, 2, 4, 8, 16
_KINDS: tuple[Kind | None, ...] = (None, *Kind)


@dataclass(slots=True)
class Growing:
    """A unit to which messages may still be added; what it has is what `Unit` tells."""

    main: Said
    cues: frozenset[Cue]
    length: int
    code: bool
    figures: int
    asks: bool
    kind: Kind | None = None
    more: tuple[Said, ...] = ()
    answers: tuple[Said, ...] = ()
    corrected: bool = False
    part: bool = False
    called: bool = False

    @property
    def end(self) -> datetime:
        """When its last message came."""
        return (self.more[-1] if self.more else self.main).at

    def take(self, said: Said) -> None:
        """Go on with another message of the same author."""
        text = said.text[:LONGEST_READ]
        self.more += (said,)
        self.cues = shared(self.cues | hear(outside_code(text)))
        self.length += len(text.split())
        self.code = self.code or shows_code(text)
        self.figures += figures_in(text)
        self.asks = self.asks or asks(text)
        self.corrected = self.corrected or bool(CORRECTS.search(text))


class Unit:
    """Messages of one author that make one entry: the `main` one, whose time counts, and `more` after it.

    `answers` are of others, and belong to it. `length` counts the words of its text, `figures` what it measures; `code`
    and `asks` say that it shows code and asks something. `kind` is that of a bot, None for people. `part` says that
    another unit has it among its answers, `called` that somebody had asked for its author. Messages are made when they
    are looked at; what a rule asks of every unit has a property of its own.
    """

    __slots__ = ("_main", "_number", "_text", "_units")

    def __init__(self, units: Units, number: int) -> None:
        self._units, self._number = units, number
        self._main: Said | None = None
        self._text: str | None = None

    @property
    def kind(self) -> Kind | None:  # noqa: D102 - as above, and so are the next ones
        return _KINDS[self._units.kinds[self._number]]

    @property
    def cues(self) -> frozenset[Cue]:  # noqa: D102
        return self._units.cues[self._units.heard[self._number]]

    @property
    def length(self) -> int:  # noqa: D102
        return self._units.lengths[self._number]

    @property
    def figures(self) -> int:  # noqa: D102
        return self._units.figures[self._number]

    @property
    def code(self) -> bool:  # noqa: D102
        return bool(self._units.flags[self._number] & _CODE)

    @property
    def asks(self) -> bool:  # noqa: D102
        return bool(self._units.flags[self._number] & _ASKS)

    @property
    def corrected(self) -> bool:  # noqa: D102
        return bool(self._units.flags[self._number] & _CORRECTED)

    @property
    def part(self) -> bool:  # noqa: D102
        return bool(self._units.flags[self._number] & _PART)

    @property
    def called(self) -> bool:  # noqa: D102
        return bool(self._units.flags[self._number] & _CALLED)

    @property
    def main(self) -> Said:  # noqa: D102
        if self._main is None:
            self._main = self._units.talk[self._units.mains[self._number]]
        return self._main

    @property
    def more(self) -> tuple[Said, ...]:  # noqa: D102
        return tuple(map(self._units.talk.__getitem__, self._units.more.get(self._number, ())))

    @property
    def answers(self) -> tuple[Said, ...]:  # noqa: D102
        return tuple(map(self._units.talk.__getitem__, self._units.answers.get(self._number, ())))

    @property
    def at(self) -> datetime:
        """That of its main message."""
        return self._units.talk.at(self._units.mains[self._number])

    @property
    def author(self) -> str:
        """Who wrote it."""
        return self._units.talk.author(self._units.mains[self._number])

    @property
    def thread(self) -> str:
        """The thread that it is in, empty at top level."""
        return self._units.talk.thread(self._units.mains[self._number])

    @property
    def marked(self) -> bool:
        """Whether people want it in the timeline."""
        return self._units.talk.is_marked(self._units.mains[self._number])

    @property
    def said(self) -> tuple[Said, ...]:
        """Its messages."""
        return (self.main, *self.more)

    @property
    def text(self) -> str:
        """What its author wrote, a line for each message; as much of each as is read."""
        if self._text is None:
            talk, more = self._units.talk, self._units.more.get(self._number, ())
            text = talk.text(self._units.mains[self._number])[:LONGEST_READ]
            for each in more:
                line = talk.text(each)[:LONGEST_READ]
                text = f"{text}\n{line}" if text else line
            self._text = text
        return self._text

    @property
    def end(self) -> datetime:
        """When its last message came."""
        more = self._units.more.get(self._number)
        return self._units.talk.at(more[-1]) if more else self.at


class Units(Sequence[Unit]):
    """Units of the messages of `talk`, in columns that `Unit` reads: a long incident has a hundred thousand.

    `times` are those of their main messages, in seconds since 1970.
    """

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.mains, self.heard, self.flags, self.kinds = array("I"), array("I"), bytearray(), bytearray()
        self.lengths, self.figures = array("I"), array("I")
        self.more: dict[int, array[int]] = {}
        self.answers: dict[int, array[int]] = {}
        self.cues: list[frozenset[Cue]] = []
        self._known: dict[frozenset[Cue], int] = {}
        self.times = array("d")

    def append(self, unit: Growing) -> None:
        """Keep one more."""
        number, heard = len(self), self._known.setdefault(unit.cues, len(self.cues))
        if heard == len(self.cues):
            self.cues.append(unit.cues)
        self.mains.append(unit.main.number)
        self.times.append(unit.main.at.timestamp())
        self.heard.append(heard)
        self.lengths.append(unit.length)
        self.figures.append(unit.figures)
        self.flags.append(
            _CODE * unit.code
            | _ASKS * unit.asks
            | _CORRECTED * unit.corrected
            | _PART * unit.part
            | _CALLED * unit.called
        )
        self.kinds.append(_KINDS.index(unit.kind))
        for kept, said in ((self.more, unit.more), (self.answers, unit.answers)):
            if said:
                kept[number] = array("I", (each.number for each in said))

    def __len__(self) -> int:
        return len(self.flags)

    def __iter__(self) -> Iterator[Unit]:
        return (Unit(self, number) for number in range(len(self)))

    @overload
    def __getitem__(self, place: int) -> Unit: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Unit, ...]: ...
    def __getitem__(self, place: int | slice) -> Unit | tuple[Unit, ...]:
        if isinstance(place, slice):
            return tuple(Unit(self, number) for number in range(len(self.flags))[place])
        return Unit(self, range(len(self.flags))[place])
