"""What workers counted between two looks, whatever they counted before, whoever of them was started again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.errors import IntegrationError
from bot.core.parts import State
from bot.core.ports import Mean
from bot.core.tallies import Counted, Tally
from bot.digests.lately import FEWEST, Amount, Lately, judged, lately, successes, times
from bot.store.postgres import Postgres

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LONG_AGO = NOW - timedelta(days=30)
RATE = "success_rate"


def ran(pid: int, good: int, bad: int, *, started: datetime | None = LONG_AGO, digits: int = 2) -> Counted:
    """A worker that has had so many payments of each kind, as the service tells it."""
    count = good + bad
    return Counted(pid, started, {RATE: Mean(round(100 * good / count, digits) if count else 0.0, count)})


def looks(*each: Sequence[Counted], every: timedelta = MINUTE) -> list[Tally]:
    """Looks at these workers, the last one now."""
    return [Tally("gateway", NOW - (len(each) - 1 - n) * every, tuple(workers)) for n, workers in enumerate(each)]


def judge(percent: float) -> State:
    return State.FAIL if percent < 95 else State.WARN if percent < 99 else State.OK


def seen(tallies: list[Tally]) -> Lately:
    found = judged(tallies, RATE, measure=successes, judge=judge)
    assert found
    return found


def told(tallies: list[Tally]) -> tuple[State | None, float, float]:
    """The state, the payments, and those that failed."""
    found = seen(tallies)
    return found.state, found.amount.count, found.amount.count - found.amount.total / 100


def test_a_burst_at_workers_that_have_run_for_long_is_seen_in_full() -> None:
    assert told(looks([ran(1, 9000, 0)], [ran(1, 9010, 30)])) == (State.FAIL, 40, 30)


def test_a_burst_that_is_over_is_over() -> None:
    assert told(looks([ran(1, 10, 0)], [ran(1, 10, 90)], [ran(1, 40, 90)])) == (State.OK, 30, 0)


@pytest.mark.parametrize("started", [NOW - 0.5 * MINUTE, None], ids=["known", "not known"])
def test_a_worker_with_a_new_pid_counts_from_nothing_where_its_start_is_known(started: datetime | None) -> None:
    two = looks([ran(1, 500, 500), ran(2, 100, 0)], [ran(3, 30, 0, started=started), ran(2, 120, 0)])

    assert told(two) == ((State.OK, 50, 0) if started else (State.OK, 20, 0))


def test_a_count_that_went_down_under_the_same_name_is_that_of_a_new_process() -> None:
    counts = ((100, 100), (2, 0), (32, 1))

    assert told(looks(*([ran(1, *each, started=None)] for each in counts))) == (State.WARN, 31, 1)


def test_a_pid_that_comes_again_is_another_worker() -> None:
    again = looks([ran(1, 20, 20)], [ran(1, 60, 0, started=NOW - 0.5 * MINUTE)])

    assert told(again) == (State.OK, 60, 0)


def test_where_there_were_too_few_it_looks_further_back_up_to_an_hour() -> None:
    few = [[ran(1, 100 + number, 3)] for number in range(90)]

    state, count, failed = told(looks(*few))
    sparse = seen(looks(*few[:3], every=timedelta(minutes=40)))

    assert (state, count, failed) == (State.OK, FEWEST, 0)
    assert (sparse.state, sparse.amount.count) == (None, 2)


def test_no_payment_within_the_hour_is_never_good_however_good_it_was_before() -> None:
    quiet = [[ran(1, 100, 0)], *([[ran(1, 900, 0)]] * 70)]

    assert told(looks(*quiet)) == (None, 0, 0)


def test_without_a_look_before_nothing_is_known() -> None:
    assert judged(looks([ran(1, 50, 6)]), RATE, measure=successes, judge=judge) is None


@pytest.mark.parametrize("started", [timedelta(hours=2), timedelta(hours=30)], ids=["lately", "long ago"])
async def test_the_first_look_of_all_counts_since_the_start_if_that_was_lately(
    store: Postgres, started: timedelta
) -> None:
    workers = (ran(1, 50, 6, started=NOW - started), ran(2, 44, 0, started=NOW - MINUTE))
    tally = Tally("gateway", NOW, workers)

    found = await lately(tally, RATE, store=store, measure=successes, judge=judge)

    expected = Lately(NOW - started, Amount(100, 9400), State.FAIL) if started < timedelta(days=1) else None
    assert found == expected


def test_what_the_rounding_hides_is_not_known_until_there_is_enough_of_it() -> None:
    minute = looks([ran(1, 10_000_000, 0)], [ran(1, 10_000_030, 30)])
    hours = looks([ran(1, 10_000_000, 0)], [ran(1, 10_400_000, 0)], every=timedelta(hours=2))

    assert seen(minute).state is None
    assert seen(hours).state is State.OK


@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400), st.booleans()), min_size=2, max_size=30),
    st.integers(0, 5_000_000),
)
def test_what_is_told_is_never_on_the_wrong_side_of_what_was(minutes: list[tuple[int, int, bool]], before: int) -> None:
    """Good and bad payments of a minute, at whose begin the worker may be started again."""
    good, bad, pid, started = before, 0, 1, LONG_AGO
    tallies: list[list[Counted]] = []
    for number, (more, worse, again) in enumerate(minutes):
        if again:
            good, bad, pid = 0, 0, pid + 1
            started = NOW - (len(minutes) - 1 - number + 0.5) * MINUTE
        good, bad = good + more, bad + worse
        tallies.append([ran(pid, good, bad, started=started)])

    found = judged(looks(*tallies), RATE, measure=successes, judge=judge)

    if found and found.state and found.since >= NOW - (len(minutes) - 1) * MINUTE:
        span = minutes[len(minutes) - round((NOW - found.since) / MINUTE) :]
        all_good, all_bad = sum(each[0] for each in span), sum(each[1] for each in span)
        assert found.amount.count == all_good + all_bad
        assert found.state is judge(100 * all_good / (all_good + all_bad))


def test_times_are_those_of_the_payments_between_the_looks() -> None:
    def took(value: float, count: float) -> list[Counted]:
        return [Counted(1, LONG_AGO, {"ms": Mean(value, count)})]

    tallies = looks(took(40.0, 900), took(436.0, 1000))

    found = judged(tallies, "ms", measure=times, judge=lambda ms: State.FAIL if ms > 1000 else State.OK)

    assert found
    assert (found.state, found.amount.mean) == (State.FAIL, 4000)


@pytest.mark.parametrize(("rate", "percent"), [(0.5, 50.0), (50.0, 50.0), (1.0, 100.0), (0.987, 98.7)])
def test_fractions_and_percentages_mean_the_same(rate: float, percent: float) -> None:
    amount = successes([Mean(rate, 1000)])(Mean(rate, 1000))

    assert (amount.mean, amount.slack) == (percent, 0)


def test_what_is_no_rate_is_an_error() -> None:
    with pytest.raises(IntegrationError, match="neither a fraction nor a percentage"):
        successes([Mean(101.0, 5)])
