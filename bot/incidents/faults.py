"""What keeps a report from being final, read from the text as it stands, whoever wrote it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from bot.core.incident_results import Section
from bot.core.merge import is_merged
from bot.core.passage import Row, parse
from bot.core.reports import Task
from bot.incidents.severity import Severity

_MOMENT = r"(?:(\d{4}-\d\d-\d\d) )?(\d{1,2}:\d\d)"
_SPAN = re.compile(rf"{_MOMENT}[^-(]* - {_MOMENT}")
_AT = re.compile(_MOMENT)
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_SEVERITY = re.compile(rf"\b(?:{'|'.join(Severity)})\b")

Told = tuple[str, str]
"""A day, empty where none was said, and a clock time with two digits for the hour: two of them compare as text."""


def faults(sections: Mapping[Section, str], tasks: Sequence[Task]) -> tuple[str, ...]:
    """A sentence each on what people have to put right first; empty for a report that may be final."""
    rows = {section: parse(text, {}) for section, text in sections.items()}
    found = [
        *_unfinished(sections, rows),
        *_span(_words(rows[Section.TIME]), _words(rows[Section.DATE])),
        *_order(rows[Section.TIMELINE]),
    ]
    if not _SEVERITY.search(_words(rows[Section.SEVERITY])):
        found.append(f"Severity is none of {', '.join(Severity)}.")
    if not rows[Section.IMPACT]:
        found.append("Impact is empty.")
    found += [f'The action item "{_short(task.text)}" has no owner.' for task in tasks if not task.owner]
    return tuple(found)


def _unfinished(sections: Mapping[Section, str], rows: Mapping[Section, Sequence[Row]]) -> Iterator[str]:
    for section, text in sections.items():
        if not is_merged(text):
            yield f"{section.heading} has a conflict between what was edited by hand and what the record says now."
        for row in rows[section]:
            if row.is_todo:
                yield f"{section.heading} has a {_short(row.words)}"


def _span(time: str, date: str) -> Iterator[str]:
    match = _SPAN.search(time)
    if not match:
        yield "Time does not say START - END, as in 14:05 CET - 15:10 CET."
        return
    days = _DAY.findall(date) or [""]
    start_day, start, end_day, end = match.groups()
    if _told(end_day or days[-1], end) < _told(start_day or days[0], start):
        yield "Time ends before it starts."


def _order(rows: Sequence[Row]) -> Iterator[str]:
    """Of two entries beside each other the second must not be earlier, where both say when they were."""
    matches = [match for row in rows if (match := _AT.match(row.words))]
    for before, after in pairwise(_told(*match.groups("")) for match in matches):
        if after < before:
            yield f"Timeline is not in order: {' '.join(after).strip()} comes after {' '.join(before).strip()}."
            return


def _told(day: str, clock: str) -> Told:
    return day, clock.zfill(5)


def _words(rows: Sequence[Row]) -> str:
    return "\n".join(row.words for row in rows)


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:60]}…"  # noqa: PLR2004 - enough to find it
