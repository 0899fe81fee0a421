"""Clock times of what is to come, also on the nights when the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.core.errors import UsageError
from bot.core.starts import parse_start

ZONE = "Europe/Berlin"
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # ten o'clock in Berlin


@pytest.mark.parametrize(
    ("typed", "moment"),
    [
        ("22:00", datetime(2026, 3, 2, 21, 0, tzinfo=UTC)),
        ("today 22:00", datetime(2026, 3, 2, 21, 0, tzinfo=UTC)),
        ("Tomorrow 9:30", datetime(2026, 3, 3, 8, 30, tzinfo=UTC)),
        ("2026-07-01 22:00", datetime(2026, 7, 1, 20, 0, tzinfo=UTC)),
        ("2026-07-01T22:00", datetime(2026, 7, 1, 20, 0, tzinfo=UTC)),
        ("2026-03-29 03:00", datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
        ("2026-10-25 03:00", datetime(2026, 10, 25, 2, 0, tzinfo=UTC)),
    ],
)
def test_a_start_is_a_clock_time_of_the_zone(typed: str, moment: datetime) -> None:
    assert parse_start(typed, zone=ZONE, now=NOW) == moment


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("10:00", r"2026-03-02 10:00 \(Europe/Berlin\) is over"),
        ("2026-03-01 22:00", "is over"),
        ("2026-03-29 02:30", "does not exist in Europe/Berlin"),
        ("2026-10-25 02:30", "comes twice in Europe/Berlin"),
        ("2026-02-30 10:00", "is no time"),
        ("25:00", "is no time"),
        ("soon", "is no time"),
        ("", "is no time"),
        ("2026-03-03", "is no time"),
    ],
)
def test_what_is_no_time_or_not_exactly_one_to_come_is_refused(typed: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        parse_start(typed, zone=ZONE, now=NOW)
