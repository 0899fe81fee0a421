"""The access log of the web server in front of the service: who asked for what, and was answered how."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.core.search import Pattern


@dataclass(frozen=True, slots=True)
class Request:
    """One request; `path` is without its query, which may hold anything. `took` is in seconds, where the log has it."""

    at: datetime
    address: str
    method: str
    path: str
    status: int
    took: float | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A line as it stands, not masked yet; `request` is None when its format is none that is known."""

    line: str
    request: Request | None


@dataclass(frozen=True, slots=True)
class Traffic:
    """The newest lines, oldest first; nothing is missing from `complete_from` on, None if that is unknown."""

    entries: tuple[Entry, ...]
    complete_from: datetime | None
    left_out: str = ""

    @property
    def requests(self) -> tuple[Request, ...]:
        """Those that could be read."""
        return tuple(entry.request for entry in self.entries if entry.request)


class AccessLog(Protocol):
    """The log that is written now, and what it was rotated to."""

    async def newest(self, *, since: datetime, wanted: Pattern | None = None, count: int = ...) -> Traffic:
        """The newest `count` lines since then, of those that match where something is wanted."""
        ...
