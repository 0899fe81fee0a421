"""When a digest is due: each clock time of the place once, also on the nights when the clocks change."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from typing import Self
from zoneinfo import ZoneInfo, available_timezones

from bot.core.clock import moment_of
from bot.core.errors import NotFound, UsageError
from bot.core.records import Unit
from bot.core.schedules import ScheduleRow
from bot.digests.cron import Trigger, parse_when
from bot.digests.holidays import Holidays

_MINUTE = timedelta(minutes=1)
_QUIET = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\s*-\s*([01]?\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class Schedule(ScheduleRow):
    """A schedule that can be reckoned with; a slot is a clock time of `zone` without offset: `2026-03-29T02:30`."""

    _trigger: Trigger = field(init=False, repr=False, compare=False)
    _quiet: tuple[time, time] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """`UsageError` when `when`, `zone` or `quiet` means nothing."""
        if self.zone not in available_timezones():
            near = get_close_matches(self.zone, available_timezones(), 1)
            raise UsageError(f'"{self.zone}" is no time zone.', hint=f"Did you mean {near[0]}?" if near else "")
        object.__setattr__(self, "_trigger", parse_when(self.when))
        object.__setattr__(self, "_quiet", parse_quiet(self.quiet))

    @classmethod
    def of(cls, row: ScheduleRow) -> Self:
        """The same, to be reckoned with."""
        return cls(**{each.name: getattr(row, each.name) for each in fields(ScheduleRow)})

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

    def coming(self, *, after: datetime) -> tuple[str, datetime]:
        """The next slot, whatever day it is, with the moment it is due."""
        return next(self.slots(after=self.slot_at(after), until=datetime.max.replace(tzinfo=UTC)))

    def due_at(self, slot: str) -> datetime:
        """The moment of `slot`: the first of two, the next existing minute when the clocks skip it.

        One that falls into the quiet hours is due when they end.
        """
        moment = moment_of(_clock(slot), self.zone)
        return self.quiet_until(moment) or moment

    def quiet_until(self, moment: datetime) -> datetime | None:
        """When the quiet hours end that `moment` is in, and None when it is in none."""
        if self._quiet is None:
            return None
        start, end = self._quiet
        local = moment.astimezone(ZoneInfo(self.zone)).replace(tzinfo=None)
        clock = local.time()
        if not (start <= clock < end if start < end else clock >= start or clock < end):
            return None
        day = local.date() if clock < end else local.date() + timedelta(days=1)
        # Where the clocks go back within them, their end comes twice: the second one counts for who is past the first.
        return max(moment, moment_of(datetime.combine(day, end), self.zone))

    def slot_at(self, moment: datetime) -> str:
        """The minute of `moment` as a slot."""
        return _slot(moment.astimezone(ZoneInfo(self.zone)))


@dataclass(frozen=True, slots=True)
class Schedules:
    """Every digest that is configured, and the days on which some of them rest."""

    entries: tuple[Schedule, ...] = ()
    holidays: Holidays = field(default_factory=Holidays)

    async def known(self, tx: Unit) -> tuple[Schedule, ...]:
        """Those of the configuration, then those that people asked for; the configuration's wins a name."""
        names = {entry.name for entry in self.entries}
        return (*self.entries, *(Schedule.of(row) for row in await tx.schedules.all() if row.name not in names))

    async def find(self, tx: Unit, name: str) -> Schedule:
        """The one called `name`; `NotFound` says which there are."""
        known = {entry.name: entry for entry in await self.known(tx)}
        if name not in known:
            raise NotFound(
                f"No digest is called {name}.", hint=f"There are: {', '.join(known)}." if known else "There is none."
            )
        return known[name]

    def holiday(self, schedule: Schedule, slot: str) -> str:
        """The holiday for which a slot of `schedule` is left out; empty when it is not."""
        return self.holidays.name(date.fromisoformat(slot[:10])) if schedule.skips_holidays else ""


def parse_quiet(text: str) -> tuple[time, time] | None:
    """From when to when it is quiet; None for an empty text, `UsageError` for any other that says no such span."""
    if not text.strip():
        return None
    match = _QUIET.fullmatch(text.strip())
    start, end = (time(int(match[1]), int(match[2])), time(int(match[3]), int(match[4]))) if match else (None, None)
    if start is None or end is None or start == end:
        raise UsageError(f'"{text[:40]}" are no quiet hours.', hint="Write them like 22:00-07:00.")
    return start, end


def _slot(clock: datetime) -> str:
    return clock.replace(tzinfo=None).isoformat(timespec="minutes")


def _clock(slot: str) -> datetime:
    return datetime.fromisoformat(slot).replace(tzinfo=UTC)
