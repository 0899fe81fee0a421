"""Lines of a log as people read them: no colours, no control characters, none without end."""

from __future__ import annotations

import re
from collections.abc import Iterable

LONGEST = 2000
"""Characters of a line that are kept."""

_UNSEEN = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])|[\x00-\x08\x0b-\x1f\x7f]")


def readable(line: str) -> str:
    """The line without what a terminal would obey."""
    text = _UNSEEN.sub("", line)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text) - LONGEST} more characters)"


def newest(lines: Iterable[str], count: int, *, containing: str) -> tuple[str, ...]:
    """The last `count` of `lines` that contain the fixed text, compared without case."""
    wanted = containing.casefold()
    return tuple(text for line in lines if wanted in (text := readable(line)).casefold())[-count:]
