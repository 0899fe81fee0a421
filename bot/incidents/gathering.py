"""Messages put together to units: in one pass over a talk, which looks back a few minutes only."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import islice

from bot.incidents.bots import Kind, kind_of
from bot.incidents.conversation import Said
from bot.incidents.forms import asks, figures_in, has_digits, is_command, outside_code, shows_code
from bot.incidents.lexicon import Cue, hear
from bot.incidents.said_severity import severity_in
from bot.incidents.talk import Talk
from bot.incidents.told import CORRECTS
from bot.incidents.units import LONGEST_READ, Growing, Units

_BURST = timedelta(seconds=75)
_LONGEST_BURST = 4
_OUTCOME = timedelta(minutes=10)
_STORM = timedelta(minutes=2)
_CORRECTION = timedelta(minutes=5)
_ANSWER = timedelta(minutes=6)
_CALL = timedelta(minutes=45)
_RESULT = timedelta(minutes=6)
_SHORT = 6
"""Words of a message that can be no more than a yes."""

_CALLED = re.compile(r"@([^\s,.:;?!]+)")


def gather(talk: Talk, order: Iterable[int]) -> Units:
    """Units in the order of their first messages; `order` has the places of messages in order of time."""
    gathering = _Gathering(Units(talk))
    for number in order:
        gathering.take(talk[number])
    gathering.leave()
    return gathering.units


class _Gathering:
    """The units so far: those that something may still be added to as they are, the others in `units`."""

    def __init__(self, units: Units) -> None:
        self.units = units
        self._live: deque[Growing] = deque()
        self._last: dict[str, Growing] = {}
        self._own: dict[tuple[str, str], Growing] = {}
        self._calls: dict[str, datetime] = {}
        self._command: Growing | None = None
        self._change: Growing | None = None

    def take(self, each: Said) -> None:
        """Put the next message where it belongs."""
        self.leave(before=each.at - _OUTCOME)
        place, mine = each.thread_ts, self._own.get((each.thread_ts, each.author))
        if mine and _continues(each, mine, self._last.get(place)):
            mine.take(each)
            self._last[place] = mine
            return
        unit = _begin(each)
        if each.bot:
            self._take_bot(unit)
        else:
            self._take_person(unit)
        self._live.append(unit)
        self._last[place] = self._own[place, each.author] = unit

    def _take_bot(self, unit: Growing) -> None:
        each = unit.main
        if unit.kind == Kind.RESULT:
            self._change = unit
        elif unit.kind == Kind.CLEAR and self._change and each.at - self._change.end <= _OUTCOME:
            self._change.answers += (each,)
            unit.part, self._change = True, None
        if self._command and each.at - self._command.end > _RESULT:
            self._command = None
        elif self._command and unit.kind not in {Kind.ALARM, Kind.CLEAR}:
            unit.kind = Kind.RESULT
            unit.answers += (self._command.main,)
            self._command.part, self._command = True, None
            self._change = unit

    def _take_person(self, unit: Growing) -> None:
        each = unit.main
        called = self._calls.pop(each.name, None)
        unit.called = called is not None and each.at - called <= _CALL
        self._calls.update((name, each.at) for name in _CALLED.findall(each.text))
        asked = _answered(unit, self._live)
        if asked:
            asked.answers += (each,)
            unit.part = True
        elif is_command(each.text):
            self._command = unit

    def leave(self, *, before: datetime | None = None) -> None:
        """Add nothing more to those that ended `before`, or to any."""
        while self._live and (before is None or self._live[0].end < before):
            unit = self._live.popleft()
            place, author = unit.main.thread_ts, unit.main.author
            if self._own.get((place, author)) is unit:
                del self._own[place, author]
            if self._last.get(place) is unit:
                del self._last[place]
            self.units.append(unit)


def _begin(said: Said) -> Growing:
    text = said.text[:LONGEST_READ]
    return Growing(
        main=said,
        cues=hear(outside_code(text)),
        length=len(text.split()),
        code=shows_code(text),
        figures=figures_in(text),
        asks=asks(text),
        kind=kind_of(said.name, text, commanded=False) if said.bot else None,
    )


def _continues(each: Said, own: Growing, before: Growing | None) -> bool:
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


def _names(unit: Growing) -> bool:
    return any("@" in each.text[:LONGEST_READ] for each in (unit.main, *unit.more))


def _answered(unit: Growing, units: deque[Growing]) -> Growing | None:
    """What `unit` says yes to: somebody else's question or proposal a few messages before."""
    each = unit.main
    if not 0 < unit.length <= _SHORT or Cue.YES not in unit.cues or unit.asks:
        return None
    for before in islice(reversed(units), _SHORT):
        if each.at - before.end > _ANSWER:
            return None
        if before.main.thread_ts == each.thread_ts and before.main.author != each.author and before.kind is None:
            return before if before.answers or before.asks or _names(before) else None
    return None
