from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.errors import UsageError
from bot.digests.schedules import Schedule

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe")


def schedule(when: str, zone: str = "Europe/Berlin") -> Schedule:
    return Schedule(name="daily", channel="C0OPS", service="gateway", when=when, zone=zone)


def between(plan: Schedule, first: datetime, last: datetime) -> list[tuple[str, datetime]]:
    return list(plan.slots(after=plan.slot_at(first), until=last))


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("clock", ["01:30", "02:00", "02:15", "02:30", "09:00"])
def test_a_daily_slot_comes_once_each_day_of_a_year_and_never_before_its_time(zone: str, clock: str) -> None:
    plan = schedule(f"daily {clock}", zone)
    start = datetime(2025, 12, 31, 23, 59, tzinfo=ZoneInfo(zone))

    found = between(plan, start.astimezone(UTC), start.replace(year=2026).astimezone(UTC))

    days = [f"{datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number):%Y-%m-%d}" for number in range(365)]
    assert [slot for slot, _ in found] == [f"{day}T{clock}" for day in days]
    assert all(due_at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M") >= slot for slot, due_at in found)


@settings(deadline=None)  # many slots on a busy machine
@given(
    zone=st.sampled_from(ZONES),
    when=st.sampled_from(["30 2 * * *", "weekdays 02:30", "15 1,2,3 * * *", "*/20 0-4 * * *", "0 * * * *"]),
    start=st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis wants bounds without a zone
    naps=st.lists(st.timedeltas(timedelta(seconds=1), timedelta(days=3)), max_size=40),
)
def test_however_often_one_wakes_each_slot_is_seen_once_and_none_is_lost(
    zone: str, when: str, start: datetime, naps: list[timedelta]
) -> None:
    plan = schedule(when, zone)
    seen: list[tuple[str, datetime]] = []
    now, last = start, plan.slot_at(start)
    for nap in naps:
        now += nap
        come = list(plan.slots(after=last, until=now))
        seen += come
        last = come[-1][0] if come else last

    assert seen == between(plan, start, now)
    assert all(one < two for (one, _), (two, _) in pairwise(seen))
    assert all(one <= two for (_, one), (_, two) in pairwise(seen))


@pytest.mark.parametrize(
    ("zone", "slot", "due_at"),
    [
        pytest.param("Europe/Berlin", "2026-03-29T02:30", "2026-03-29T01:00", id="skipped by the clocks"),
        pytest.param("Europe/Berlin", "2026-10-25T02:30", "2026-10-25T00:30", id="twice on the clock"),
        pytest.param("America/New_York", "2026-03-08T02:30", "2026-03-08T07:00", id="skipped in New York"),
        pytest.param("Australia/Lord_Howe", "2026-10-04T02:15", "2026-10-03T15:30", id="half an hour skipped"),
        pytest.param("Europe/Berlin", "2026-07-01T09:00", "2026-07-01T07:00", id="plain"),
    ],
)
def test_a_slot_is_due_at_its_first_moment_or_at_the_next_minute_that_exists(zone: str, slot: str, due_at: str) -> None:
    assert schedule("daily 09:00", zone).due_at(slot) == datetime.fromisoformat(due_at).replace(tzinfo=UTC)


def test_an_unknown_zone_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match='"Europe/Berln" is no time zone') as refused:
        schedule("daily 09:00", "Europe/Berln")

    assert refused.value.hint == "Did you mean Europe/Berlin?"
