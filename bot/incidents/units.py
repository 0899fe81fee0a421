"""Messages that belong together: bursts, corrections, a question with its yes, a command with what came of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.incidents.bots import Kind, kind_of
from bot.incidents.conversation import Said
from bot.incidents.forms import asks, figures_in, has_digits, is_command, outside_code, shows_code
from bot.incidents.lexicon import Cue, hear, shared
from bot.incidents.said_severity import severity_in
from bot.incidents.told import CORRECTS

_BURST = timedelta(seconds=75)
_LONGEST_BURST = 4
_OUTCOME = timedelta(minutes=10)
_STORM = timedelta(minutes=2)
_CORRECTION = timedelta(minutes=5)
_ANSWER = timedelta(minutes=6)
_CALL = timedelta(minutes=45)
_RESULT = timedelta(minutes=6)
_READ = 4_000
"""Characters of a message that are read and told: more is a pasted log, and must not cost its square."""

_SHORT = 6
"""Words of a message that can be no more than a yes."""
_CALLED = re.compile(r"@([^\s,.:;?!]+)")


@dataclass(slots=True)
class Unit:
    """Messages of one author that make one entry: the `main` one, whose time counts, and `more` after it.

    `answers` are of others, and belong to it. `length` counts the words of its text, `figures` what it measures; `code`
    and `asks` say that it shows code and asks something. `kind` is that of a bot, None for people. `part` says that
    another unit has it among its answers, `called` that somebody had asked for its author.
    """

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
    def said(self) -> tuple[Said, ...]:
        """Its messages."""
        return (self.main, *self.more)

    @property
    def text(self) -> str:
        """What its author wrote, a line for each message; as much of each as is read."""
        text = self.main.text[:_READ]
        for each in self.more:
            text = f"{text}\n{each.text[:_READ]}" if text else each.text[:_READ]
        return text

    @property
    def end(self) -> datetime:
        """When its last message came."""
        return (self.more[-1] if self.more else self.main).at

    @property
    def keys(self) -> tuple[str, ...]:
        """The messages that it rests on."""
        return tuple(each.ts for each in (*self.said, *self.answers))

    def take(self, said: Said) -> None:
        """Go on with another message of the same author."""
        text = said.text[:_READ]
        self.more += (said,)
        self.cues = shared(self.cues | hear(outside_code(text)))
        self.length += len(text.split())
        self.code = self.code or shows_code(text)
        self.figures += figures_in(text)
        self.asks = self.asks or asks(text)
        self.corrected = self.corrected or bool(CORRECTS.search(text))


def gather(said: Iterable[Said]) -> list[Unit]:
    """Units in the order of their first messages; `said` is in order of time.

    One pass that looks back a few units only.
    """
    units: list[Unit] = []
    last: dict[str, Unit] = {}
    own: dict[tuple[str, str], Unit] = {}
    calls: dict[str, datetime] = {}
    command: Unit | None = None
    change: Unit | None = None
    for each in said:
        place, mine = each.thread_ts, own.get((each.thread_ts, each.author))
        if mine and _continues(each, mine, last[place]):
            mine.take(each)
            last[place] = mine
            continue
        unit = _begin(each)
        if unit.kind == Kind.RESULT:
            change = unit
        elif unit.kind == Kind.CLEAR and change and each.at - change.end <= _OUTCOME:
            change.answers += (each,)
            unit.part, change = True, None
        if each.bot:
            if command and each.at - command.end > _RESULT:
                command = None
            elif command and unit.kind not in {Kind.ALARM, Kind.CLEAR}:
                unit.kind = Kind.RESULT
                unit.answers += (command.main,)
                command.part, command = True, None
                change = unit
        else:
            called = calls.pop(each.name, None)
            unit.called = called is not None and each.at - called <= _CALL
            calls.update((name, each.at) for name in _CALLED.findall(each.text))
            asked = _answered(unit, units)
            if asked:
                asked.answers += (each,)
                unit.part = True
            elif is_command(each.text):
                command = unit
        units.append(unit)
        last[place] = own[place, each.author] = unit
    return units


def _begin(said: Said) -> Unit:
    text = said.text[:_READ]
    return Unit(
        main=said,
        cues=hear(outside_code(text)),
        length=len(text.split()),
        code=shows_code(text),
        figures=figures_in(text),
        asks=asks(text),
        kind=kind_of(said.name, text, commanded=False) if said.bot else None,
    )


def _continues(each: Said, own: Unit, before: Unit) -> bool:
    """Whether `each` goes on with what its author wrote just before, or puts it right."""
    if each.marked or own.main.marked or each.bot != own.main.bot:
        return False
    if each.bot:
        storm = len(own.more) + 1 < _LONGEST_BURST and each.at - own.end <= _STORM
        return (
            storm
            and own.kind in {Kind.ALARM, Kind.RESULT}
            and own.kind == kind_of(each.name, each.text, commanded=False)
        )
    if each.at - own.end <= _CORRECTION and has_digits(each.text) and CORRECTS.search(each.text):
        return True
    if own is not before or len(own.more) + 1 >= _LONGEST_BURST or each.at - own.end > _BURST:
        return False
    return not _stands_alone(each) and not is_command(own.main.text)


def _stands_alone(said: Said) -> bool:
    """Whether it changes the course of the incident: who leads, how bad it is, that it is over; or tells a bot to.

    What was told out of a thread to the channel too stands for itself.
    """
    return (
        said.broadcast
        or is_command(said.text)
        or bool(severity_in(said.text))
        or not {Cue.LEADS, Cue.CLOSES}.isdisjoint(hear(said.text))
    )


def _answered(unit: Unit, units: Sequence[Unit]) -> Unit | None:
    """What `unit` says yes to: somebody else's question or proposal a few messages before."""
    each = unit.main
    if not 0 < unit.length <= _SHORT or Cue.YES not in unit.cues or unit.asks:
        return None
    for before in reversed(units[-_SHORT:]):
        if each.at - before.end > _ANSWER:
            return None
        if before.main.thread_ts == each.thread_ts and before.main.author != each.author and before.kind is None:
            return before if before.answers or before.asks or "@" in before.text else None
    return None
