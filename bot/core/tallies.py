"""What the workers of a service have counted since each was started, as it was at one look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from bot.core.ports import Mean, Voice


@dataclass(frozen=True, slots=True)
class Counted:
    """What one worker counted by metric: averages since it was started, and payments since its midnight.

    `started_at` is None where nobody tells when it was started.
    """

    voice: Voice
    started_at: datetime | None
    means: Mapping[str, Mean]
    sums: Mapping[str, float] = field(default_factory=dict)

    @property
    def process(self) -> tuple[Voice, datetime | None]:
        """Tells it from another one that has the same voice later."""
        return self.voice, self.started_at


@dataclass(frozen=True, slots=True)
class Tally:
    """All workers that were asked at that moment."""

    service: str
    at: datetime
    workers: tuple[Counted, ...]


class Tallies(Protocol):
    """The looks of the last days."""

    async def add(self, tally: Tally) -> None:
        """Remember a look; of two at the same moment the first."""
        ...

    async def series(self, service: str, *, since: datetime, until: datetime) -> Sequence[Tally]:
        """All from `since` up to but without `until`, oldest first."""
        ...

    async def prune(self, *, before: datetime) -> None:
        """Forget what is older."""
        ...
