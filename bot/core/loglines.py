"""Lines of a log as people read them: no colours, no control characters, none without end."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from bot.core.log_search import LogLine
from bot.core.search import Pattern, readable


def newest(lines: Iterable[str], count: int, *, containing: str) -> tuple[str, ...]:
    """The last `count` of `lines` that contain the fixed text, compared without case."""
    wanted = containing.casefold()
    return tuple(text for line in lines if wanted in (text := readable(line)).casefold())[-count:]


def matching(
    lines: Iterable[str], wanted: Pattern, *, since: datetime, prefix: re.Pattern[str]
) -> tuple[tuple[LogLine, ...], datetime | None]:
    """Those of the dated lines that match and were written since then, and the time of the first line there is.

    `prefix` matches what the log itself puts in front of each line, the time in its group `at`.
    """
    looks = re.compile(wanted.text if wanted.regex else re.escape(wanted.text), re.IGNORECASE)
    found, first = [], None
    for line in lines:
        front = prefix.match(line)
        at = datetime.fromisoformat(front["at"]) if front else None
        first = first or at
        text = readable(line[front.end() :] if front else line)
        if looks.search(text) and (at is None or at >= since):
            found.append(LogLine(text, at))
    return tuple(found), first
