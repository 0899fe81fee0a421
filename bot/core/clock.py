"""The one way to ask what time it is, so that tests can say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Clock = Callable[[], datetime]
"""Answers the present moment as an aware datetime in UTC."""


def now() -> datetime:
    """The real clock."""
    return datetime.now(UTC)


def moment_of(clock: datetime, zone: str) -> datetime:
    """The moment of a clock time of `zone`: the first of two, and the next existing minute when the clocks skip it."""
    place = ZoneInfo(zone)
    clock = clock.replace(tzinfo=None)
    while (moment := clock.replace(tzinfo=place).astimezone(UTC)).astimezone(place).replace(tzinfo=None) != clock:
        clock += timedelta(minutes=1)
    return moment


def zone_named(name: str) -> str:
    """`name` where it is a zone that is known here, else empty: Slack has others of people who set none."""
    try:
        return ZoneInfo(name).key if name else ""
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ""
