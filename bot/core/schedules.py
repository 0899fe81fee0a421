"""Digests that are wanted: when and where, as it was written, and which of them pause."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol


class Template(StrEnum):
    """What a digest is about."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    PERFORMANCE = "performance"


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """A digest of `service` for the channel of the id `channel`.

    One that was missed by less than `grace` is posted late, an older one skipped. `quiet` are hours of `zone` in which
    nothing is posted, such as `22:00-07:00`. `by` is who asked for it, empty for one of the configuration.
    """

    name: str
    channel: str
    service: str
    when: str
    zone: str = "UTC"
    grace: timedelta = timedelta(hours=6)
    template: Template = Template.DAILY
    skips_holidays: bool = False
    quiet: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Pause:
    """A schedule that rests, who had it rest and since when."""

    schedule: str
    by: str
    at: datetime


class ScheduleRows(Protocol):
    """Schedules that people asked for in Slack, and the pauses of these and of the configured ones."""

    async def all(self) -> tuple[ScheduleRow, ...]:
        """Every one, by name."""
        ...

    async def add(self, row: ScheduleRow) -> bool:
        """False when there is one of this name."""
        ...

    async def remove(self, name: str) -> bool:
        """Forget it with its pause; False when there is none."""
        ...

    async def pauses(self) -> Mapping[str, Pause]:
        """Those that rest, by the schedule's name."""
        ...

    async def pause(self, pause: Pause) -> bool:
        """False when it rests already."""
        ...

    async def resume(self, name: str) -> bool:
        """False when it does not rest."""
        ...
