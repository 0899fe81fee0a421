"""Durations as people type them: `30m`, `1h30m`, `2d`, `90s`, `1.5h`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator

from bot.core.errors import UsageError

LONGEST = timedelta(days=366)
"""No duration that is typed may be longer."""

_SECONDS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_NUMBER = r"\d{1,9}(?:\.\d{1,3})?"
_DURATION = re.compile("".join(rf"(?:(?P<{unit}>{_NUMBER}){unit})?" for unit in _SECONDS), re.ASCII | re.IGNORECASE)


def is_duration(text: str) -> bool:
    """Whether `text` has the form of a duration; its bounds are another matter."""
    return bool(text) and _DURATION.fullmatch(text) is not None


def parse_duration(text: str) -> timedelta:
    """The duration that `text` says, in whole seconds; `UsageError` when it says none, or one out of bounds."""
    match = _DURATION.fullmatch(text)
    if match is None or not text:
        raise UsageError(f'"{text[:40]}" is not a duration.', hint="Write it like 30m, 1h30m or 2d.")
    seconds = sum(float(count) * _SECONDS[unit] for unit, count in match.groupdict(default="0").items())
    if not 1 <= round(seconds) <= LONGEST.total_seconds():
        raise UsageError(f"{text[:40]} is out of bounds.", hint=f"From 1s to {format_duration(LONGEST)}.")
    return timedelta(seconds=round(seconds))


def format_duration(duration: timedelta) -> str:
    """The shortest way to type it: `5400 s` is `1h30m`. Below a second, or negative, is `0s`."""
    rest = max(0, round(duration.total_seconds()))
    words = []
    for unit in "dhms":
        count, rest = divmod(rest, _SECONDS[unit])
        if count:
            words.append(f"{count}{unit}")
    return "".join(words) or "0s"


def _typed(value: object) -> object:
    """Lets what was stored as ISO 8601 pass: pydantic reads that by itself."""
    if not isinstance(value, str) or value.startswith("P"):
        return value
    try:
        return parse_duration(value)
    except UsageError as error:
        raise ValueError(f"{error} {error.hint}") from error


Duration = Annotated[timedelta, BeforeValidator(_typed)]
"""A `timedelta` that is configured in the form in which it is typed."""
