"""The history of the checks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.core.parts import State
from bot.core.readings import Reading
from bot.store.postgres import Postgres
from bot.store.readings import KEEP

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def reading(at: datetime, value: float | None = 1.0, state: State = State.OK, check: str = "Load") -> Reading:
    return Reading("gateway", check, at, state, value, "per core", f"{value} \0 per core".replace(" \0", ""))


async def test_a_series_has_what_was_found_in_its_span_oldest_first_and_each_moment_once(store: Postgres) -> None:
    found = [reading(NOW + minute * MINUTE, float(minute)) for minute in range(4)]
    async with store.transaction() as tx:
        await tx.readings.add([*reversed(found), replace(found[0], service="another"), reading(NOW, check="CPU")])
        await tx.readings.add([replace(found[1], value=99.0)])

        series = await tx.readings.series("gateway", "Load", since=NOW + MINUTE, until=NOW + 3 * MINUTE)

    assert series == (found[1], found[2])


async def test_the_reading_nearest_to_a_moment_is_found_on_either_side_and_unknown_ones_are_passed_over(
    store: Postgres,
) -> None:
    monday, tuesday = NOW - timedelta(days=7), NOW - timedelta(days=6)
    nearest = reading(monday + 2 * MINUTE, 5.0)
    async with store.transaction() as tx:
        await tx.readings.add(
            [
                reading(monday, None, State.UNKNOWN),
                reading(monday - 3 * MINUTE, 4.0),
                nearest,
                reading(tuesday + 31 * MINUTE),
            ]
        )

        near = await tx.readings.near("gateway", ["Load", "CPU"], moments=[monday, tuesday], within=30 * MINUTE)

    assert near == {"Load": {monday: nearest}}


async def test_what_is_old_is_thinned_to_the_worst_of_each_quarter_of_an_hour_and_dropped_after_more_than_a_year(
    store: Postgres,
) -> None:
    old = NOW - timedelta(days=3)
    quarter = [
        reading(old, 1.0),
        reading(old + MINUTE, 9.0, State.FAIL),
        reading(old + 2 * MINUTE, None, State.UNKNOWN),
        reading(old + 14 * MINUTE, 2.0),
    ]
    next_quarter = [reading(old + 15 * MINUTE, 3.0), reading(old + 16 * MINUTE, 4.0)]
    recent = [reading(NOW - minute * MINUTE) for minute in (2, 1)]
    async with store.transaction() as tx:
        await tx.readings.add([*quarter, *next_quarter, *recent, reading(NOW - KEEP - MINUTE)])
        await tx.readings.prune(now=NOW)
        await tx.readings.prune(now=NOW)

        kept = await tx.readings.series("gateway", "Load", since=NOW - 2 * KEEP, until=NOW)

    assert kept == (quarter[1], next_quarter[1], *recent)
