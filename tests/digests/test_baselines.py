"""What is usual, and what is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.parts import State
from bot.core.ports import Gateway
from bot.core.readings import Reading
from bot.core.results import Check
from bot.digests.baselines import FEWEST, judge, same_weekdays, usual_of
from bot.digests.checks import CHECKS
from bot.digests.declaration import Terms, Unusual
from bot.digests.rounds import take_round
from bot.store.postgres import Postgres
from tests.fakes import FakeGateway, FakeProcesses, service, worker

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TERMS = Terms(NOW)
VALUES = st.floats(min_value=-1e9, max_value=1e9, allow_nan=False)
MANY = st.lists(VALUES, min_size=FEWEST, max_size=14)
VOLUME = tuple(check for check in CHECKS if check.name == "Transaction volume")


@given(st.lists(VALUES, max_size=FEWEST - 1))
def test_too_few_values_say_nothing_of_what_is_usual(values: list[float]) -> None:
    assert usual_of(values) is None


@given(MANY, st.sampled_from(Unusual))
def test_the_middle_of_what_was_seen_is_usual(values: list[float], side: Unusual) -> None:
    usual = usual_of(values)

    assert usual
    assert judge(usual.middle, usual, side, TERMS) is State.OK


@given(MANY, VALUES, st.floats(min_value=0, max_value=1e9), st.sampled_from(Unusual))
def test_what_is_further_off_is_never_judged_milder(
    values: list[float], value: float, further: float, side: Unusual
) -> None:
    usual = usual_of(values)
    order = (State.OK, State.WARN, State.FAIL)

    assert usual
    near, far = (judge(each, usual, side, TERMS) for each in (value, value + side.value * further))
    assert order.index(far) >= order.index(near)


@given(MANY, VALUES)
def test_what_is_off_to_one_side_only_is_unusual_on_that_side_only(values: list[float], value: float) -> None:
    usual = usual_of(values)

    assert usual
    sides = {judge(value, usual, side, TERMS) for side in Unusual}
    assert State.OK in sides


@given(
    st.lists(st.floats(min_value=900, max_value=1100), min_size=9, max_size=14),
    st.lists(VALUES, min_size=4, max_size=4),
)
def test_a_few_wild_values_do_not_move_what_is_usual(tame: list[float], wild: list[float]) -> None:
    usual = usual_of([*tame, *wild])

    assert usual
    assert 900 <= usual.middle <= 1100


@given(MANY)
def test_the_order_of_the_values_does_not_matter(values: list[float]) -> None:
    assert usual_of(values) == usual_of(sorted(values))


def test_a_value_that_never_moved_may_move_by_a_part_of_it() -> None:
    usual = usual_of([1000.0] * 14)

    assert usual
    assert usual.deviation == pytest.approx(148.26)
    assert [judge(value, usual, Unusual.BELOW, TERMS) for value in (1000, 450, 350, 50)] == [
        State.OK,
        State.OK,
        State.WARN,
        State.FAIL,
    ]


def test_where_nothing_ever_happened_anything_is_unusual_above_and_nothing_below() -> None:
    usual = usual_of([0.0] * 14)

    assert usual
    assert [judge(1, usual, side, TERMS) for side in (Unusual.ABOVE, Unusual.BELOW)] == [State.FAIL, State.OK]


async def look(store: Postgres, *, today: float, weekdays: list[float]) -> Check:
    """The volume of today, after weeks that had those at this time."""
    moments = same_weekdays(NOW)
    past = [
        Reading("gateway", "Transaction volume", moment + timedelta(minutes=3), State.OK, value, "payments", "")
        for moment, value in zip(moments, weekdays, strict=False)
    ]
    gateway = FakeGateway({"daily_transactions": today})
    ports: Gateway = gateway
    async with store.transaction() as tx:
        await tx.readings.add(past)
    at = service(processes=FakeProcesses((worker(0),)), gateway=ports)
    found = await take_round(at, store=store, now=NOW, checks=VOLUME)
    return found.checks[0]


async def test_a_volume_far_below_the_usual_of_this_weekday_fails_though_it_keeps_its_limits(store: Postgres) -> None:
    seen = await look(store, today=40, weekdays=[1000, 1100, 900, 1050, 980, 1000])

    assert (seen.state, seen.measure, seen.unit) == (State.FAIL, 40, "payments")
    assert seen.limit == "at least 1; usual at this time of the week: 1,000 payments"


async def test_as_long_as_the_usual_is_not_known_the_check_says_so(store: Postgres) -> None:
    seen = await look(store, today=40, weekdays=[1000, 1100])

    assert seen.state is State.OK
    assert seen.evidence == "What is usual is not known yet: 2 of 5 same weekdays."


async def test_a_check_tells_what_it_was_yesterday_and_over_the_last_days(store: Postgres) -> None:
    days = [1000.0, 800.0, 900.0]
    async with store.transaction() as tx:
        await tx.readings.add(
            [
                Reading("gateway", "Transaction volume", NOW - timedelta(days=day), State.OK, value, "payments", "")
                for day, value in enumerate(days, 1)
            ]
        )

    seen = await look(store, today=1040, weekdays=[])

    assert seen.trend == "yesterday 1,000 payments (+4%), median of 3 days 900 payments"
