"""The times that a unit tells, each with the clause that it stands in."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.incidents.conversation import Conversation
from bot.incidents.forms import outside_code
from bot.incidents.lexicon import Cue, hear
from bot.incidents.told import told
from bot.incidents.units import Unit

_DAY = timedelta(days=1)
_ENDS = re.compile(r"[;!?\n]|[.,](?=\s|$)")
_CLOCK = re.compile(r"\d(?:[:h]\d\d|\s?[ap]\.?m\b|\d{3} ?(?:z|utc|hrs)\b|\.\d\d uhr)", re.IGNORECASE)
_RANGE = re.compile(r"\s?(?:[a-zé ]{1,16}\s)?(?:[-\N{EN DASH}\N{EM DASH}]|to|until|till|bis|à|a|hasta)\s?")


@dataclass(frozen=True, slots=True)
class Time:
    """A time that somebody tells; `clause` are the words around it; it may be where a range `begins` or `ends`."""

    at: datetime
    clause: str
    cues: frozenset[Cue]
    begins: bool = False
    ends: bool = False


def times_in(unit: Unit, conversation: Conversation, *, over: bool = False) -> tuple[Time, ...]:
    """Times in the text of `unit`, but not in its code blocks: those are of the log's machine.

    Once it is `over` nobody plans: a clock time that has not come is of the day before.
    """
    if Cue.AGO not in unit.cues and not _CLOCK.search(unit.text):
        return ()
    text = outside_code(unit.text)
    person = conversation.people.get(unit.main.user)
    zone = (person.zone if person else "") or conversation.zone
    found = told(text, at=unit.main.at, zone=zone, plans=not over)
    times: list[Time] = []
    for number, each in enumerate(found):
        begin = max((end.end() for end in _ENDS.finditer(text, 0, each.begin)), default=0)
        end = _ENDS.search(text, each.end)
        clause = text if unit.corrected else text[begin : end.start() if end else len(text)]
        ends = number > 0 and bool(_RANGE.fullmatch(text, found[number - 1].end, each.begin))
        begins = number + 1 < len(found) and bool(_RANGE.fullmatch(text, each.end, found[number + 1].begin))
        if ends and times[-1].at > each.at:
            times[-1] = replace(times[-1], at=times[-1].at - _DAY)
        times.append(Time(each.at, clause, hear(clause), begins, ends))
    return tuple(times)
