"""The times that a unit tells, each with the clause that it stands in."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.incidents.conversation import Conversation
from bot.incidents.forms import outside_code
from bot.incidents.lexicon import Cue, hear
from bot.incidents.told import Told, told
from bot.incidents.units import Unit

_DAY = timedelta(days=1)
_JUST_NOW = timedelta(minutes=90)
_HABIT = 2
"""Times of just now, if they are of the evening, that show how people write."""

_ENDS = re.compile(r"[;!?\n]|[.,](?=\s|$)")
_CLOCK = re.compile(r"\d(?:[:h]\d\d|\s?[ap]\.?m\b|\d{3} ?(?:z|utc|hrs)\b|\.\d\d uhr)", re.IGNORECASE)
_UTC = re.compile(r"\d ?(?:utc|gmt|z)\b", re.IGNORECASE)
_RANGE = re.compile(r"\s?(?:[a-zé ]{1,16}\s)?(?:[-\N{EN DASH}\N{EM DASH}]|to|until|till|bis|à|a|hasta)\s?")
_AND = re.compile(r"\s?(?:[a-zé ]{1,16}\s)?(?:and|und|et|y|e)\s?", re.IGNORECASE)
_BETWEEN = re.compile(r"\b(?:between|zwischen|entre)(?: about| ca\.?)?\s$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Time:
    """A time that somebody tells; `clause` are the words around it; it may be where a range `begins` or `ends`."""

    at: datetime
    clause: str
    cues: frozenset[Cue]
    begins: bool = False
    ends: bool = False


@dataclass(frozen=True, slots=True)
class Habits:
    """How people tell times here.

    `home` is the zone of those who say most, `utc` whether they may mean UTC, `halves` whether `7:20` may be of the
    evening; `walls` are those who mean their own clock or that of `home` though others may mean UTC.
    """

    home: str
    utc: bool
    halves: bool = False
    walls: frozenset[str] = frozenset()


def habits_of(units: Sequence[Unit], conversation: Conversation) -> Habits:
    """The habits of a channel."""
    said = Counter(unit.author for unit in units if unit.kind is None)
    zones: Counter[str] = Counter()
    for user, count in said.items():
        person = conversation.people.get(user)
        if person and person.zone:
            zones[person.zone] += count
    home = max(zones, key=lambda zone: (zones[zone], zone), default="")
    balance: Counter[str] = Counter()
    evenings = 0
    utc = False
    for unit in units:
        if unit.kind is None and _CLOCK.search(unit.text):
            zone = _zone_of(unit, conversation)
            here, there = _recent(unit, zone, home), _recent(unit, "")
            utc = utc or bool(_UTC.search(unit.text))
            balance[unit.author] += there - here
            evenings += not here and not there and _recent(unit, zone, home, halves=True)
    return Habits(
        home,
        utc or balance.total() >= 0,
        halves=evenings >= _HABIT,
        walls=frozenset(who for who, points in balance.items() if points < 0),
    )


def _zone_of(unit: Unit, conversation: Conversation) -> str:
    person = conversation.people.get(unit.author)
    return (person.zone if person else "") or conversation.zone


def _recent(unit: Unit, zone: str, home: str = "", *, halves: bool = False) -> bool:
    """Whether it tells what was just now, if its times are of `zone`, or of UTC where that is empty."""
    found = told(outside_code(unit.text), at=unit.at, zone=zone, home=home, utc=False, halves=halves)
    return any(unit.at - each.at <= _JUST_NOW for each in found)


def times_in(unit: Unit, conversation: Conversation, habits: Habits, *, over: bool = False) -> tuple[Time, ...]:
    """Times in the text of `unit`, but not in its code blocks: those are of the log's machine.

    Once it is `over` nobody plans: a clock time that has not come is of the day before.
    """
    if Cue.AGO not in unit.cues and not _CLOCK.search(unit.text):
        return ()
    text = outside_code(unit.text)
    zone = _zone_of(unit, conversation)
    found = told(
        text,
        at=unit.at,
        zone=zone,
        home=habits.home,
        utc=habits.utc and unit.author not in habits.walls,
        plans=not over,
        halves=habits.halves,
    )
    times: list[Time] = []
    for number, each in enumerate(found):
        begin = max((end.end() for end in _ENDS.finditer(text, 0, each.begin)), default=0)
        end = _ENDS.search(text, each.end)
        clause = text if unit.corrected else text[begin : end.start() if end else len(text)]
        ends = number > 0 and _is_range(text, found[number - 1], each)
        begins = number + 1 < len(found) and _is_range(text, each, found[number + 1])
        if ends and times[-1].at > each.at:
            times[-1] = replace(times[-1], at=times[-1].at - _DAY)
        times.append(Time(each.at, clause, hear(clause), begins, ends))
    return tuple(times)


def _is_range(text: str, first: Told, second: Told) -> bool:
    """`14:05 to 14:20`, `between 14:05 and 14:20`."""
    if _RANGE.fullmatch(text, first.end, second.begin):
        return True
    return bool(_BETWEEN.search(text, 0, first.begin) and _AND.fullmatch(text, first.end, second.begin))
