"""Errors in a log by what they say: the same error is the same line but for its ids, numbers and values."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from bot.core.log_search import LogLine
from bot.core.search import Pattern

WANTED = Pattern(
    r'"(level|severity|lvl)" *: *"?(error|critical|fatal|alert|emerg|50|60)'
    r'|(^|[^a-z"_])(error|critical|fatal)([^a-z"_]|$)|(error|exception):',
    regex=True,
)
"""What rg or grep look for: every error, and lines that only speak of one; `is_error` tells them apart."""

_LEVEL = re.compile(r'"(?:level|severity|lvl)"\s*:\s*"?(\w+)')
_WORST = frozenset({"error", "critical", "fatal", "alert", "emerg", "50", "60"})
_PLAIN = re.compile(
    r"\b(?:ERROR|CRITICAL|FATAL)\b|\b(?:[Ee]rror|[Cc]ritical|[Ff]atal)\b\s*[:\]]|\b\w*(?:Error|Exception):"
)
_STRING = r'"\s*:\s*"((?:[^"\\]|\\.)*+)'
_SAID = re.compile(rf'"(?:msg|message){_STRING}')
_REASON = re.compile(rf'"(?:error|reason|exception){_STRING}')
_CODE = re.compile(r'"code"\s*:\s*"?(\w+)')
_FRONT = re.compile(r"^\W?\d{4}-\d\d-\d\d[T ][\d:.,]+(?:Z|[+-]\d\d:?\d\d)?\W*")

_VALUES = re.compile(
    r""""[^"]*"|(?<!\w)'[^']*'(?!\w)|`[^`]*`"""
    r"|[\w.%+-]{1,64}@[\w.-]{1,200}"
    r"|(?<![0-9A-Za-z])[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?![0-9A-Za-z])"
    r"|(?<![0-9A-Za-z:])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![0-9A-Za-z:])"
    r"|(?<![0-9A-Za-z])\d++(?:[.,:]\d++)*+(?![0-9A-Za-z])"
    r"|(?<![0-9A-Za-z])0[xX][0-9A-Fa-f]+"
    r"|(?<![0-9A-Za-z])(?=[A-Fa-f]{0,40}\d)[0-9A-Fa-f]{8,}(?![0-9A-Za-z])"
    r"|\d+(?:[.,:]\d+)*"
)
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Group:
    """Errors with one signature: `sample` is what the newest says; moments are None where no line carries a time."""

    signature: str
    count: int
    sample: str
    first_at: datetime | None
    last_at: datetime | None


def is_error(line: str) -> bool:
    """Whether a line is an error by its own level, or where it has none by its words."""
    level = _LEVEL.search(line)
    return level[1].lower() in _WORST if level else _PLAIN.search(line) is not None


def gist(line: str) -> str:
    """What a line says: message, reason and code of a structured one, else the line without the time in front."""
    said = _SAID.search(line) if line.lstrip().startswith("{") else None
    if said is None:
        return " ".join(_FRONT.sub("", line).split())
    reason, code = _REASON.search(line), _CODE.search(line)
    parts = (said[1], reason and reason[1], code and f"({code[1]})")
    return " ".join(": ".join(part for part in parts[:2] if part).split()) + (f" {parts[2]}" if parts[2] else "")


def signature(text: str) -> str:
    """`text` with a # for each quoted value, address, id and number."""
    return " ".join(_VALUES.sub("#", text).split())[:_LONGEST]


def grouped(lines: Iterable[LogLine]) -> tuple[Group, ...]:
    """Lines, oldest first, by their signatures, the most frequent first."""
    groups: dict[str, Group] = {}
    for line in lines:
        said = gist(line.text)
        key = signature(said)
        known = groups.get(key) or Group(key, 0, said, line.at, line.at)
        groups[key] = replace(
            known,
            count=known.count + 1,
            sample=said,
            first_at=known.first_at or line.at,
            last_at=line.at or known.last_at,
        )
    return tuple(sorted(groups.values(), key=lambda group: -group.count))
