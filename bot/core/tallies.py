"""What the workers of a service have counted since each was started, as it was at one look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.core.ports import Mean, Voice


@dataclass(frozen=True, slots=True)
class Counted:
    """The averages of one worker by metric, since it was started; None where nobody tells when that was."""

    voice: Voice
    started_at: datetime | None
    means: Mapping[str, Mean]


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
