"""Planned maintenance windows as they are stored, and what is told of them to people outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class WindowState(StrEnum):
    """Where a window stands; only one that is `PLANNED` begins by itself."""

    PLANNED = "planned"
    BEGINNING = "beginning"
    OPEN = "open"
    ENDED = "ended"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    MISSED = "missed"
    FAILED = "failed"


AHEAD = (WindowState.PLANNED, WindowState.BEGINNING, WindowState.OPEN)
"""States in which nothing else may be planned for the same time."""


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time in which customers are kept out; `recipients` is the list that gets mail, empty for none.

    `began_at` and `ended_at` are when that was seen, `operation_id` what turns maintenance on.
    """

    id: str
    service: str
    channel: str
    by: str
    title: str
    start: datetime
    ends: datetime
    recipients: str
    state: WindowState
    operation_id: str = ""
    began_at: datetime | None = None
    ended_at: datetime | None = None


class Windows(Protocol):
    """Windows; each has one due row while something is still to come of it."""

    async def book(self, window: Window) -> None:
        """Store it, once."""
        ...

    async def get(self, window_id: str) -> Window:
        """One window; `NotFound` when there is none."""
        ...

    async def of_service(self, service: str, *, limit: int = 50) -> tuple[Window, ...]:
        """The windows of one service, or of all, the latest start first."""
        ...

    async def move(
        self, window_id: str, *, to: WindowState, frm: Sequence[WindowState], at: datetime, operation_id: str = ""
    ) -> bool:
        """Compare and swap of the state; False when it was in none of `frm`."""
        ...


@dataclass(frozen=True, slots=True)
class Zone:
    """The time zone of the configuration, in which clock times are read and written where there is no reader to ask."""

    name: str
