"""When a schedule fires, as people write it: five cron fields, or plain words."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Protocol

from apscheduler.triggers.cron import CronTrigger

from bot.core.errors import UsageError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EXAMPLES = 'Say "weekdays 09:00", "daily 09:00", "mon,thu 17:30", or five cron fields such as "0 9 * * 1-5".'

_GROUPS = {"daily": DAYS, "weekdays": DAYS[:5], "weekends": DAYS[5:]}
_NUMBERS = re.compile(r"(\*|\d+(-\d+)?)(/\d+)?(,(\*|\d+(-\d+)?)(/\d+)?)*")
_WEEKDAYS = re.compile(r"(?P<first>\*|[0-7]|[a-z]{3})(-(?P<last>[0-7]|[a-z]{3}))?(/(?P<step>[1-7]))?")
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


class Trigger(Protocol):
    """Knows the next moment of a recurrence; moments are clock times of the place, written as if they were UTC."""

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime | None:
        """The first moment at or after `now`, and after `previous`."""
        ...


def parse_when(text: str) -> Trigger:
    """The trigger that `text` describes; `UsageError` says what is wrong and what would be right.

    It runs on clock times without a zone, so that each exists exactly once; the schedule gives them their moment.
    """
    minute, hour, day, month, weekdays = _fields(text)
    for name, field in (("minute", minute), ("hour", hour), ("day", day), ("month", month)):
        if not _NUMBERS.fullmatch(field):
            raise UsageError(f'"{field}" is no {name} in "{text}".', hint=EXAMPLES)
    if day != "*" and weekdays != "*":
        raise UsageError(
            f'"{text}" names both a day of the month and a weekday, which cron reads as "either".',
            hint="Use two schedules, or leave one of them as *.",
        )
    try:
        trigger: Trigger = CronTrigger(
            minute=minute, hour=hour, day=day, month=month, day_of_week=_weekday_names(weekdays, text), timezone=UTC
        )
    except ValueError as error:
        raise UsageError(f'"{text}" cannot be read: {error}.', hint=EXAMPLES) from error
    if trigger.get_next_fire_time(None, datetime(2000, 1, 1, tzinfo=UTC)) is None:
        raise UsageError(f'"{text}" names a date that never comes.', hint=EXAMPLES)
    return trigger


def _fields(text: str) -> tuple[str, str, str, str, str]:
    match [word for word in text.lower().split() if word != "at"]:
        case [minute, hour, day, month, weekdays]:
            return minute, hour, day, month, weekdays
        case [days, clock] if time := _CLOCK.fullmatch(clock):
            group = _GROUPS.get(days) or tuple(_day(day, text) for day in days.split(","))
            return time[2], time[1], "*", "*", ",".join(group)
        case _:
            raise UsageError(f'"{text}" is no schedule.', hint=EXAMPLES)


def _day(word: str, text: str) -> str:
    day = word[:3]
    if day not in DAYS or not re.fullmatch(r"(mon|tues|wednes|thurs|fri|satur|sun)days?|[a-z]{3}", word):
        raise UsageError(f'"{word}" is no day in "{text}".', hint=EXAMPLES)
    return day


def _weekday_names(field: str, text: str) -> str:
    """The weekdays of a cron field by name: cron counts from Sunday, the trigger's own numbers from Monday."""
    return ",".join(sorted({day for item in field.split(",") for day in _span(item, text)}, key=DAYS.index))


def _span(item: str, text: str) -> tuple[str, ...]:
    match = _WEEKDAYS.fullmatch(item)
    if match is None:
        raise UsageError(f'"{item}" is no weekday in "{text}".', hint=EXAMPLES)
    if match["first"] == "*":
        first, last = 0, 6
    else:
        first = _cron_number(match["first"], text)
        last = _cron_number(match["last"], text) if match["last"] else first if not match["step"] else 6
    if last == 0 < first:
        last = 7  # "sat-sun": as the end of a range Sunday is the seventh day
    if last < first:
        raise UsageError(f'"{item}" runs backwards in "{text}".', hint=EXAMPLES)
    return tuple(DAYS[(number - 1) % 7] for number in range(first, last + 1, int(match["step"] or 1)))


def _cron_number(word: str, text: str) -> int:
    if word.isdigit():
        return int(word)
    if word not in DAYS:
        raise UsageError(f'"{word}" is no weekday in "{text}".', hint=EXAMPLES)
    return (DAYS.index(word) + 1) % 7
