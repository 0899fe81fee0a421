"""A clock time as people type it for something that has happened."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from bot.core.errors import UsageError

_TYPED = re.compile(r"(?:(?P<day>\d{4}-\d{2}-\d{2})[ T])?(?P<hour>\d{1,2}):(?P<minute>\d{2})", re.ASCII)


def parse_moment(text: str, *, zone: str, now: datetime) -> datetime:
    """The last time that the clocks of `zone` showed `14:05`, or `2026-11-22 14:05`; `UsageError` for the future."""
    here = now.astimezone(ZoneInfo(zone))
    match = _TYPED.fullmatch(text.strip())
    clock = None
    if match:
        with suppress(ValueError):
            clock = datetime.fromisoformat(f"{match['day'] or here.date()} {match['hour']:0>2}:{match['minute']}")
    if match is None or clock is None:
        raise UsageError(
            f'"{text[:40]}" is no time.', hint="Write it like 14:05, 2026-11-22 14:05, or 30m for half an hour ago."
        )
    clock = clock.replace(tzinfo=here.tzinfo)
    if clock > here and not match["day"]:
        clock -= timedelta(days=1)
    if clock > here:
        raise UsageError(f"{text} ({zone}) has not come yet.", hint="It has to be about something that happened.")
    return clock.astimezone(UTC)
