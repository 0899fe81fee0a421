"""A clock time as people type it for something that is to come."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from bot.core.errors import UsageError

CLOCK = re.compile(r"\d{1,2}:\d{2}", re.ASCII)
_TYPED = re.compile(
    r"(?:(?P<day>today|tomorrow|\d{4}-\d{2}-\d{2})[ T])?(?P<clock>\d{1,2}:\d{2})", re.ASCII | re.IGNORECASE
)
_FORMS = 'Write it like "2026-12-01 22:00", "tomorrow 22:00" or "22:00".'


def parse_start(text: str, *, zone: str, now: datetime) -> datetime:
    """The moment at which the clocks of `zone` show what was typed.

    `UsageError` for what is no time, is over, or is a time that the clocks skip or show twice.
    """
    place = ZoneInfo(zone)
    here = now.astimezone(place)
    typed = _TYPED.fullmatch(text.strip())
    clock = None
    if typed:
        days = {"today": here.date(), "tomorrow": here.date() + timedelta(days=1)}
        day = days.get((typed["day"] or "today").lower(), typed["day"])
        with suppress(ValueError):
            clock = datetime.fromisoformat(f"{day} {typed['clock']:0>5}")
    if clock is None:
        raise UsageError(f'"{text[:40]}" is no time.', hint=_FORMS)
    early, late = (clock.replace(tzinfo=place, fold=fold).astimezone(UTC) for fold in (0, 1))
    if early.astimezone(place).replace(tzinfo=None) != clock:
        raise UsageError(f"{clock:%Y-%m-%d %H:%M} does not exist in {zone}: the clocks are put forward then.")
    if early != late:
        raise UsageError(f"{clock:%Y-%m-%d %H:%M} comes twice in {zone}: the clocks are put back then.")
    if early <= now:
        raise UsageError(f"{clock:%Y-%m-%d %H:%M} ({zone}) is over.", hint=_FORMS)
    return early
