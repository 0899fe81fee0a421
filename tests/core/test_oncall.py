"""Whose week it is, also in the weeks in which the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.oncall import OnCall

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 1, 5, 9, 0)  # noqa: DTZ001 - a clock time of the place
THREE = OnCall(("UANA", "UBEN", "UCLEO"), MONDAY, "Europe/Berlin")


def at(clock: str) -> datetime:
    """A clock time of Berlin as a moment."""
    return datetime.fromisoformat(clock).replace(tzinfo=BERLIN).astimezone(UTC)


@pytest.mark.row("A1")
@pytest.mark.parametrize(
    ("clock", "person", "until"),
    [
        ("2026-01-05T09:00", "UANA", "2026-01-12T09:00"),
        ("2026-01-12T08:59", "UANA", "2026-01-12T09:00"),
        ("2026-01-12T09:00", "UBEN", "2026-01-19T09:00"),
        ("2026-01-26T09:00", "UANA", "2026-02-02T09:00"),
        ("2026-03-30T08:59", "UCLEO", "2026-03-30T09:00"),  # the clocks went forward on Sunday
        ("2026-03-30T09:00", "UANA", "2026-04-06T09:00"),
        ("2026-10-26T08:59", "UCLEO", "2026-10-26T09:00"),  # and back
        ("2026-10-26T09:00", "UANA", "2026-11-02T09:00"),
    ],
)
def test_the_hand_over_stays_at_its_clock_time_all_year(clock: str, person: str, until: str) -> None:
    shift = THREE.shift(at(clock))

    assert shift is not None
    assert (shift.person, shift.until) == (person, at(until))
    assert shift.since <= at(clock)


@pytest.mark.row("A1")
@pytest.mark.parametrize(
    ("since", "zone", "moment"),
    [
        (datetime(2026, 3, 22, 2, 30), "Europe/Berlin", datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),  # noqa: DTZ001 - see MONDAY
        (datetime(2026, 10, 18, 2, 30), "Europe/Berlin", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # noqa: DTZ001 - see MONDAY
    ],
    ids=["skipped", "twice"],
)
def test_an_hour_that_is_skipped_or_comes_twice_hands_over_once(since: datetime, zone: str, moment: datetime) -> None:
    rota = OnCall(("UANA", "UBEN"), since, zone)

    before, after = rota.shift(moment - timedelta(minutes=1)), rota.shift(moment)

    assert before is not None
    assert after is not None
    assert (before.person, before.until) == ("UANA", moment)
    assert (after.person, after.since) == ("UBEN", moment)


@settings(deadline=None)  # zones are read from files
@given(
    people=st.integers(1, 5),
    hour=st.integers(0, 23),
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
    moment=st.datetimes(datetime(2026, 1, 13), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis wants bounds without a zone
)
def test_each_moment_belongs_to_one_shift_that_follows_the_one_before(
    people: int, hour: int, zone: str, moment: datetime
) -> None:
    rota = OnCall(tuple(f"U{number}" for number in range(people)), MONDAY.replace(hour=hour), zone)

    shift = rota.shift(moment)

    assert shift is not None
    assert shift.since <= moment < shift.until
    assert timedelta(days=6, hours=22) < shift.until - shift.since < timedelta(days=7, hours=2)
    following = rota.shift(shift.until)
    assert following is not None
    assert (following.person, following.since) == (shift.then, shift.until)


def test_nobody_is_on_call_before_the_rota_begins_or_without_one() -> None:
    assert THREE.shift(at("2026-01-05T08:59")) is None
    assert THREE.begins_at == at("2026-01-05T09:00")
    assert OnCall().shift(at("2026-01-05T09:00")) is None
    assert OnCall().begins_at is None
