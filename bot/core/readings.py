"""What checks found over time: the past that trends, charts and usual values are read from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from bot.core.parts import State


@dataclass(frozen=True, slots=True)
class Reading:
    """What a check found: `value` in `unit`, None where it found no number; `said` is the same in words."""

    service: str
    check: str
    at: datetime
    state: State
    value: float | None = None
    unit: str = ""
    said: str = ""


class Readings(Protocol):
    """The history of the checks, by service and name of the check."""

    async def add(self, readings: Sequence[Reading]) -> None:
        """Remember what a round found; the same check at the same moment is remembered once."""
        ...

    async def series(self, service: str, check: str, *, since: datetime, until: datetime) -> tuple[Reading, ...]:
        """All from `since` up to but without `until`, oldest first, unknown ones too.

        Of what is older than two days there is one for each quarter of an hour, the worst of it.
        """
        ...

    async def near(
        self, service: str, checks: Sequence[str], *, moments: Sequence[datetime], within: timedelta
    ) -> Mapping[str, Mapping[datetime, Reading]]:
        """For each check and moment the reading with a value that is nearest to it; what has none is left out."""
        ...

    async def prune(self, *, now: datetime) -> None:
        """Thin out what is older than two days to the worst of each quarter of an hour, drop it after 400 days."""
        ...
