"""When a schedule fires, as people write it: five cron fields, or plain words."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Protocol
from zoneinfo import available_timezones

from apscheduler.triggers.cron import CronTrigger

from bot.core.errors import UsageError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EXAMPLES = (
    'Say "weekdays 09:00", "every monday 9:00", "mon,thu 17:30", "1st of the month 08:00", "first monday of the month '
    '9:00", or five cron fields such as "0 9 * * 1-5".'
)

_GROUPS = {
    **dict.fromkeys(("daily", "day", "days"), DAYS),
    **dict.fromkeys(("weekdays", "weekday"), DAYS[:5]),
    **dict.fromkeys(("weekends", "weekend"), DAYS[5:]),
}
_ORDINALS = {"first": "1st", "second": "2nd", "third": "3rd", "fourth": "4th"}
_NUMBERS = re.compile(r"(\*|\d+(-\d+)?)(/\d+)?(,(\*|\d+(-\d+)?)(/\d+)?)*")
_WEEKDAYS = re.compile(r"(?P<first>\*|[0-7]|[a-z]{3})(-(?P<last>[0-7]|[a-z]{3}))?(/(?P<step>[1-7]))?")
_CLOCK = re.compile(r"(?P<hour>\d{1,2})(:(?P<minute>[0-5]\d))?(?P<half>am|pm)?")
_DAY_OF_MONTH = re.compile(r"(2?1st|2?2nd|2?3rd|31st|(?:[4-9]|1\d|2[04-9]|30)th|last)")
_NOISE = {"at", "on", "every", "each", "the"}
_ZONE = re.compile(r"[A-Za-z]+(?:/[A-Za-z_+-]+[0-9]*)+|UTC|GMT", re.IGNORECASE)


class Trigger(Protocol):
    """Knows the next moment of a recurrence; moments are clock times of the place, written as if they were UTC."""

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime | None:
        """The first moment at or after `now`, and after `previous`."""
        ...


def split_zone(text: str) -> tuple[str, str]:
    """When, and the time zone that is named at the end of it: `weekdays 09:00 Europe/Berlin`; empty when none is."""
    when, _, last = text.strip().rpartition(" ")
    if not _ZONE.fullmatch(last):
        return text.strip(), ""
    known = {name.lower(): name for name in available_timezones()}
    return when.strip(), known.get(last.lower(), last)


def parse_when(text: str) -> Trigger:
    """The trigger that `text` describes; `UsageError` says what is wrong and what would be right.

    It runs on clock times without a zone, so that each exists exactly once; the schedule gives them their moment.
    """
    words = [word for word in text.lower().split() if word not in _NOISE]
    minute, hour, day, month, weekdays = _plain(words, text) or _cron(words, text)
    try:
        trigger: Trigger = CronTrigger(
            minute=minute, hour=hour, day=day, month=month, day_of_week=weekdays, timezone=UTC
        )
    except ValueError as error:
        raise UsageError(f'"{text}" cannot be read: {error}.', hint=EXAMPLES) from error
    if trigger.get_next_fire_time(None, datetime(2000, 1, 1, tzinfo=UTC)) is None:
        raise UsageError(f'"{text}" names a date that never comes.', hint=EXAMPLES)
    return trigger


_Fields = tuple[str, str, str, str, str]
"""Minute, hour, day, month and weekday, as the trigger has them."""


def _plain(words: list[str], text: str) -> _Fields | None:
    """Plain words; None for what has the form of cron's five fields."""
    match words:
        case ["hourly"]:
            return "0", "*", "*", "*", "*"
        case [days, clock] if time := _time(clock):
            group = _GROUPS.get(days) or tuple(day for each in days.split(",") for day in _days(each, text))
            return time[1], time[0], "*", "*", ",".join(sorted(set(group), key=DAYS.index))
        case [which, ("of" | "day"), *rest, clock] if (time := _time(clock)) and rest in (["month"], ["of", "month"]):
            day = _ORDINALS.get(which, which)
            if not _DAY_OF_MONTH.fullmatch(day):
                raise UsageError(f'"{which}" is no day of the month in "{text}".', hint=EXAMPLES)
            return time[1], time[0], day if day == "last" else day[:-2], "*", "*"
        case [which, weekday, "of", "month", clock] if time := _time(clock):
            day = _ORDINALS.get(which, which)
            if day not in {*_ORDINALS.values(), "5th", "last"}:
                raise UsageError(f'"{which}" names no week of the month in "{text}".', hint=EXAMPLES)
            return time[1], time[0], f"{day} {_day(weekday, text)}", "*", "*"
        case _:
            return None


def _cron(words: list[str], text: str) -> _Fields:
    if len(words) != 5:  # noqa: PLR2004 - cron's fields
        raise UsageError(f'"{text}" is no schedule.', hint=EXAMPLES)
    minute, hour, day, month, weekdays = words
    for name, field in (("minute", minute), ("hour", hour), ("day", day), ("month", month)):
        if not _NUMBERS.fullmatch(field):
            raise UsageError(f'"{field}" is no {name} in "{text}".', hint=EXAMPLES)
    if day != "*" and weekdays != "*":
        raise UsageError(
            f'"{text}" names both a day of the month and a weekday, which cron reads as "either".',
            hint="Use two schedules, or leave one of them as *.",
        )
    return minute, hour, day, month, _weekday_names(weekdays, text)


def _time(clock: str) -> tuple[str, str] | None:
    """Hour and minute of `09:00`, `9am` or `5:30pm`; None for what is no time of day."""
    match = _CLOCK.fullmatch(clock)
    if match is None or not (match["minute"] or match["half"]):
        return None
    hour, half = int(match["hour"]), match["half"]
    if half and not 1 <= hour <= 12:  # noqa: PLR2004 - hours of half a day
        return None
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    return (str(hour), match["minute"] or "0") if hour < 24 else None  # noqa: PLR2004 - hours of a day


def _days(word: str, text: str) -> tuple[str, ...]:
    """A day, or all from one to another: `mon-fri`."""
    first, _, last = word.partition("-")
    start, end = DAYS.index(_day(first, text)), DAYS.index(_day(last or first, text))
    if end < start:
        raise UsageError(f'"{word}" runs backwards in "{text}".', hint=EXAMPLES)
    return DAYS[start : end + 1]


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
