"""When a digest is due: each clock time of the place once, also on the nights when the clocks change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from zoneinfo import ZoneInfo, available_timezones

from bot.core.clock import moment_of
from bot.core.errors import UsageError
from bot.digests.cron import Trigger, parse_when

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Schedule:
    """A digest of `service` for the channel of the id `channel`.

    One that was missed by less than `grace` is posted late, an older one skipped.
    A slot is a clock time of `zone` without offset, such as `2026-03-29T02:30`.
    """

    name: str
    channel: str
    service: str
    when: str
    zone: str = "UTC"
    grace: timedelta = timedelta(hours=6)
    _trigger: Trigger = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """`UsageError` when `when` or `zone` means nothing."""
        if self.zone not in available_timezones():
            near = get_close_matches(self.zone, available_timezones(), 1)
            raise UsageError(f'"{self.zone}" is no time zone.', hint=f"Did you mean {near[0]}?" if near else "")
        object.__setattr__(self, "_trigger", parse_when(self.when))

    def slots(self, *, after: str, until: datetime) -> Iterator[tuple[str, datetime]]:
        """Slots that follow the slot `after` and have come by `until`, each with the moment it was due."""
        previous = _clock(after)
        while clock := self._trigger.get_next_fire_time(previous, previous + _MINUTE):
            slot = _slot(clock)
            due_at = self.due_at(slot)
            if due_at > until:
                return
            yield slot, due_at
            previous = clock

    def due_at(self, slot: str) -> datetime:
        """The moment of `slot`: the first of two, and the next existing minute when the clocks skip it."""
        return moment_of(_clock(slot), self.zone)

    def slot_at(self, moment: datetime) -> str:
        """The minute of `moment` as a slot."""
        return _slot(moment.astimezone(ZoneInfo(self.zone)))


@dataclass(frozen=True, slots=True)
class Schedules:
    """Every digest that is configured."""

    entries: tuple[Schedule, ...] = ()


def _slot(clock: datetime) -> str:
    return clock.replace(tzinfo=None).isoformat(timespec="minutes")


def _clock(slot: str) -> datetime:
    return datetime.fromisoformat(slot).replace(tzinfo=UTC)
