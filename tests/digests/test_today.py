"""How many payments there were today, whoever of the workers was started again, and never fewer than there were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.parts import State
from bot.core.ports import Counters, Voice
from bot.core.readings import Reading
from bot.core.results import Check
from bot.core.tallies import Counted, Tally
from bot.digests.baselines import FEWEST, same_weekdays
from bot.digests.checks import CHECKS
from bot.digests.lately import DAILY
from bot.digests.rounds import take_round
from bot.digests.today import counted_today
from bot.store.postgres import Postgres
from tests.fakes import FakeGateway, FakeProcesses, service, worker

pytestmark = pytest.mark.row("K1")

VOLUME = tuple(check for check in CHECKS if check.name == "Transaction volume")
DAY = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
LONG_AGO = DAY - timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Ran:
    """A worker, when it was started, and what it says."""

    pid: Voice
    count: float
    started: datetime | None = LONG_AGO


@dataclass(frozen=True, slots=True)
class Days:
    """A service that is looked at now and then."""

    store: Postgres

    async def look(self, at: datetime, *workers: Ran) -> Check:
        """What the check says when the workers say that."""
        listed = [
            replace(worker(0), pid=each.pid, started_at=each.started) for each in workers if isinstance(each.pid, int)
        ]
        says = FakeGateway(counted={each.pid: Counters({}, {DAILY: each.count}) for each in workers})
        shop = service(processes=FakeProcesses((*listed,) or (worker(0),)), gateway=says)
        return (await take_round(shop, store=self.store, now=at, checks=VOLUME)).checks[0]

    async def usual(self, at: datetime, count: float) -> None:
        """So many there were at that time of the week."""
        past = [
            Reading("gateway", VOLUME[0].name, moment, State.OK, count, "payments")
            for moment in same_weekdays(at)[:FEWEST]
        ]
        async with self.store.transaction() as tx:
            await tx.readings.add(past)


@pytest.fixture
def days(store: Postgres) -> Days:
    return Days(store)


async def test_what_was_counted_before_a_restart_is_of_the_day_still(days: Days) -> None:
    nine = DAY + 9 * HOUR
    await days.usual(nine, 1000)
    before = await days.look(nine, Ran(1, 400), Ran(2, 600))
    one = await days.look(nine + MINUTE, Ran(3, 1, nine + 0.5 * MINUTE), Ran(2, 602))
    both = await days.look(nine + 2 * MINUTE, Ran(3, 2, nine + 0.5 * MINUTE), Ran(4, 0, nine + 1.5 * MINUTE))

    assert [each.value for each in (before, one, both)] == ["1,000 today", "1,003 today", "1,004 today"]
    assert [each.state for each in (before, one, both)] == [State.OK] * 3
    assert (both.measure, both.evidence) == (1004, "1,002 of them at workers that have ended.")


async def test_the_day_ends_at_midnight_for_those_that_ended_before_too(days: Days) -> None:
    await days.look(DAY - 10 * MINUTE, Ran(1, 300), Ran(2, 800))
    late = await days.look(DAY - MINUTE, Ran(1, 310), Ran(3, 4, DAY - 9 * MINUTE))
    early = await days.look(DAY + MINUTE, Ran(1, 2), Ran(3, 1, DAY - 9 * MINUTE))

    assert (late.value, early.value) == ("1,114 today", "3 today")


async def test_without_a_worker_that_was_seen_on_both_sides_midnight_is_that_of_utc(days: Days) -> None:
    await days.look(DAY - MINUTE, Ran(1, 300))
    early = await days.look(DAY + 30 * MINUTE, Ran(2, 7, DAY - 0.5 * MINUTE))

    assert (early.value, early.evidence) == ("7 today", "What is usual is not known yet: 0 of 5 same weekdays.")


async def test_where_counts_fall_at_another_hour_the_day_begins_there(days: Days) -> None:
    ten = DAY - 2 * HOUR
    await days.look(ten - MINUTE, Ran(1, 900), Ran(2, 50))
    await days.look(ten + MINUTE, Ran(1, 5), Ran(2, 1))
    await days.look(ten + HOUR, Ran(1, 60), Ran(2, 10))
    after = await days.look(DAY + HOUR, Ran(1, 90), Ran(3, 8, ten + HOUR + MINUTE))

    assert after.value == "108 today"


async def test_a_count_that_falls_with_its_first_payment_of_the_day_loses_nobody_elses(days: Days) -> None:
    await days.look(DAY - MINUTE, Ran(1, 300), Ran(2, 200), Ran(3, 100))
    await days.look(DAY + MINUTE, Ran(1, 4), Ran(2, 200), Ran(3, 1))
    await days.look(DAY + 3 * HOUR, Ran(1, 40), Ran(2, 200), Ran(4, 0, DAY + 2 * MINUTE))
    after = await days.look(DAY + 3 * HOUR + MINUTE, Ran(1, 41), Ran(2, 1), Ran(4, 2, DAY + 2 * MINUTE))

    assert after.value == "45 today"


@pytest.mark.parametrize("started", [DAY + 8 * HOUR, None], ids=["known", "not known"])
async def test_where_nobody_looked_before_a_restart_it_is_at_least_so_many_and_no_problem(
    days: Days, started: datetime | None
) -> None:
    nine = DAY + 9 * HOUR
    await days.look(nine - timedelta(days=1), Ran(1, 900))
    new = await days.look(nine, Ran(2, 40, started))
    await days.usual(nine, 1000)
    low = await days.look(nine + MINUTE, Ran(2, 41, started))
    enough = await days.look(nine + 2 * MINUTE, Ran(2, 980, started))

    assert (new.state, new.value, new.measure) == (State.OK, "at least 40 today", None)
    assert "of it nobody saw what workers counted that have ended." in new.evidence
    assert (low.state, low.value, low.undecided, low.measure) == (State.UNKNOWN, "at least 41 today", True, None)
    assert "usual at this time of the week: 1,000 payments" in low.limit
    assert (enough.state, enough.value) == (State.OK, "at least 980 today")


@pytest.mark.parametrize(
    ("started", "value"), [(DAY + 8 * HOUR, "at least 70 today"), (DAY + HOUR + 5 * MINUTE, "70 today")]
)
async def test_a_gap_between_looks_counts_only_as_far_as_somebody_ended_in_it(
    days: Days, started: datetime, value: str
) -> None:
    await days.look(DAY + HOUR, Ran(1, 50))
    after = await days.look(DAY + 9 * HOUR, Ran(2, 20, started))

    assert after.value == value


async def test_one_that_was_given_up_and_not_replaced_counts_with_its_last_look(days: Days) -> None:
    await days.look(DAY + 9 * HOUR, Ran(1, 50), Ran(2, 60))
    after = await days.look(DAY + 9 * HOUR + MINUTE, Ran(1, 55))

    assert after.value == "115 today"


async def test_a_worker_more_hides_nothing(days: Days) -> None:
    await days.look(DAY + HOUR, Ran(1, 50))
    after = await days.look(DAY + 9 * HOUR, Ran(1, 100), Ran(2, 20, DAY + 8 * HOUR))

    assert after.value == "120 today"


async def test_counts_that_are_everybodys_are_taken_as_they_are(days: Days) -> None:
    await days.look(DAY - MINUTE, Ran("", 5000, None))
    counts = [(await days.look(DAY + n * HOUR, Ran("", 30 * n, None))).value for n in (1, 2)]

    assert counts == ["30 today", "60 today"]


EVENTS = st.lists(st.tuples(st.sampled_from(["pay", "look", "start"]), st.integers(0, 2)), max_size=60)


@given(events=EVENTS, looked=st.booleans())
def test_it_is_never_more_than_there_were_and_all_where_each_was_looked_at_before_its_end(
    events: Sequence[tuple[str, int]], *, looked: bool
) -> None:
    now, total = DAY + HOUR, 0
    workers = [Counted(slot, LONG_AGO, {}, {DAILY: 0}) for slot in range(3)]
    looks = [Tally("gateway", now, tuple(workers))]
    for number, (what, slot) in enumerate(events):
        now += timedelta(seconds=1)
        if what == "pay":
            total += 1
            workers[slot] = replace(workers[slot], sums={DAILY: workers[slot].sums[DAILY] + 1})
        if what == "look" or (what == "start" and looked):
            looks.append(Tally("gateway", now, tuple(workers)))
        if what == "start":
            workers[slot] = Counted(100 + number, now, {}, {DAILY: 0})
    looks.append(Tally("gateway", now + timedelta(seconds=1), tuple(workers)))

    seen = counted_today(looks, DAILY)

    assert seen.count <= total
    assert seen.count == total or not looked
