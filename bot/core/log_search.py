"""Looking for lines in the service's logs since some moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.core.search import Pattern


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line; `at` is None where it carries no time, so that it may be older than it was asked for."""

    text: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Matches:
    """Lines that match, oldest first and not redacted; nothing is missing from `complete_from` on, None if unknown."""

    lines: tuple[LogLine, ...]
    complete_from: datetime | None
    left_out: str = ""


class LogSearch(Protocol):
    """Logs that can be searched by time."""

    async def matching(self, wanted: Pattern, *, since: datetime) -> Matches:
        """The lines that match, written since then; `IntegrationError` when no log could be read."""
        ...
