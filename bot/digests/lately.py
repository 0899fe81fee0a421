"""How averages that workers keep since they were started were lately: the difference between two looks.

A worker counts for itself and begins anew when it is started: its process is told by its name and the moment of its
start, and by a count that went down where that moment is not known. Of a process that began between two looks all
counts; what one did after the last look before its end is lost. Of an average that the service rounds only so much is
known of the difference as the rounding leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from bot.core.errors import IntegrationError
from bot.core.parts import State
from bot.core.ports import Gateway, Mean, Voice, Worker
from bot.core.records import Store
from bot.core.tallies import Counted, Tally
from bot.digests.declaration import Terms

DAILY = "daily_transactions"
"""What each worker counts from nothing since it was started, and since midnight."""

FEWEST = 20
"""So many make a rate: one that failed of fewer is already more than five percent."""

HOUR = timedelta(hours=1)
"""Fewer than that in so long a time say nothing of how it is now."""

FURTHEST = timedelta(hours=25)
"""So far back is looked where less does not tell: a digest a day has its last look yesterday."""

_NEAR = HOUR + timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Amount:
    """What `count` things came to in all, give or take `slack`."""

    count: float = 0.0
    total: float = 0.0
    slack: float = 0.0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.count + other.count, self.total + other.total, self.slack + other.slack)

    def __sub__(self, before: Amount) -> Amount:
        return Amount(self.count - before.count, self.total - before.total, self.slack + before.slack)

    @property
    def mean(self) -> float:
        """Of each; of nothing it cannot be told."""
        return self.total / self.count

    @property
    def bounds(self) -> tuple[float, float]:
        """Between which the mean is."""
        return (self.total - self.slack) / self.count, (self.total + self.slack) / self.count


@dataclass(frozen=True, slots=True)
class Lately:
    """What there was since a look; `state` is None where it is too little to go by, or the rounding hides it."""

    since: datetime
    amount: Amount
    state: State | None = None


Measure = Callable[[Sequence[Mean]], Callable[[Mean], Amount]]
"""From every average that was seen, which together tell its scale and how it is rounded, to what each comes to."""


async def counted_now(workers: Sequence[Worker], terms: Terms, gateway: Gateway) -> Tally:
    """A look at workers that are online; `IntegrationError` when one of them does not answer."""
    started: Mapping[Voice, datetime | None] = {worker.voice: worker.started_at for worker in workers}
    counters = await gateway.counters([worker.voice for worker in workers])
    found = (Counted(voice, started.get(voice), each.means, _of_day(each.sums)) for voice, each in counters.items())
    return Tally(terms.service, terms.now, tuple(found))


def _of_day(sums: Mapping[str, float]) -> Mapping[str, float]:
    """Only that, for looks are kept."""
    return {name: number for name, number in sums.items() if name == DAILY}


async def lately(
    tally: Tally,
    name: str,
    *,
    store: Store,
    measure: Measure,
    judge: Callable[[float], State],
    over: timedelta = timedelta(),
) -> Lately | None:
    """How the average `name` was in the shortest time before `tally` that says how it was, and remember `tally`.

    With `over` it is no shorter than that, as far back as anybody looked. None where nothing is known of the time
    before.
    """
    now, seen = tally.at, None
    async with store.transaction() as tx:
        await tx.tallies.add(tally)
        for furthest in (FURTHEST,) if over else (_NEAR, FURTHEST):
            looks = [*await tx.tallies.series(tally.service, since=now - furthest, until=now), tally]
            if furthest is FURTHEST:
                looks = [*_start(looks), *looks]
            seen = judged(looks, name, measure=measure, judge=judge, over=over)
            if seen and (seen.state or (seen.amount.count < FEWEST and now - seen.since >= HOUR)):
                break
    return seen


def judged(
    tallies: Sequence[Tally],
    name: str,
    *,
    measure: Measure,
    judge: Callable[[float], State],
    over: timedelta = timedelta(),
) -> Lately | None:
    """The same of looks that are there, the oldest first."""
    known = [replace(tally, workers=tuple(each for each in tally.workers if name in each.means)) for tally in tallies]
    amount_of = measure([each.means[name] for tally in known for each in tally.workers])
    found = None
    for since, amount in _changes(known, lambda each: amount_of(each.means[name])):
        age, enough = tallies[-1].at - since, amount.count >= FEWEST
        low, high = map(judge, amount.bounds) if enough else (None, None)
        found = Lately(since, amount, low if low is high else None)
        if age >= over and (found.state or (not enough and age >= HOUR)):
            break
    return found


def _start(tallies: Sequence[Tally]) -> Iterator[Tally]:
    """The start of the workers of the oldest look, at which nothing was counted, where that is known and lately."""
    oldest = tallies[0]
    starts = [each.started_at for each in oldest.workers]
    known = [start for start in starts if start]
    if known and len(known) == len(starts) and min(known) >= tallies[-1].at - FURTHEST:
        yield Tally(oldest.service, min(*known, oldest.at), ())


@dataclass(slots=True)
class _Run:
    """What one process counted from a look to a later one."""

    worker: Counted
    first: Amount
    last: Amount


def _changes(tallies: Sequence[Tally], amount_of: Callable[[Counted], Amount]) -> Iterator[tuple[datetime, Amount]]:
    """What there was since each look before the last, the latest first."""
    *before, last = tallies
    ended = Amount()
    runs: dict[tuple[Voice, datetime | None], _Run] = {}
    for tally in (last, *reversed(before)):
        there = set()
        for worker in tally.workers:
            amount, process = amount_of(worker), worker.process
            there.add(process)
            run = runs.get(process)
            if run and amount.count <= run.first.count:
                run.first = amount
                continue
            if run:  # it counts from nothing since then
                ended += run.last - run.first
            runs[process] = _Run(worker, amount, amount)
        if tally is not last:
            yield tally.at, sum((_gained(run, tally, there) for run in runs.values()), ended)


def _gained(run: _Run, since: Tally, there: set[tuple[Voice, datetime | None]]) -> Amount:
    """All of a process that was started after that look; of another one what came after it was first seen."""
    started, voice = run.worker.started_at, run.worker.voice
    if (voice, started) not in there and started and started >= since.at:
        return run.last
    return run.last - run.first


def successes(means: Sequence[Mean]) -> Callable[[Mean], Amount]:
    """What rates come to in percent; with two decimals at least, for what is rounded to 100 shows none of them."""
    values = {mean.value for mean in means}
    for value in values:
        check_rate(value)
    scale = 1 if any(value > 1 for value in values) else 100
    half = 0.5 * scale * 10.0 ** -max(2 if scale == 1 else 4, _decimals(values))

    def amount(mean: Mean) -> Amount:
        total, slack = scale * mean.value * mean.count, half * mean.count
        # Whole ones succeed: as long as there are few of them the rounding hides nothing.
        return Amount(mean.count, 100.0 * round(total / 100)) if slack < 50 else Amount(mean.count, total, slack)  # noqa: PLR2004 - half of one, in percent

    return amount


def times(means: Sequence[Mean]) -> Callable[[Mean], Amount]:
    """What average times come to in all."""
    half = 0.5 * 10.0 ** -_decimals({mean.value for mean in means})
    return lambda mean: Amount(mean.count, mean.value * mean.count, half * mean.count)


def check_rate(rate: float) -> None:
    """`IntegrationError` for what is no rate."""
    if not 0 <= rate <= 100:  # noqa: PLR2004 - percent
        raise IntegrationError(
            f"The service gives {rate:g} as success_rate, which is neither a fraction nor a percentage."
        )


def is_counted(tally: Tally, name: str) -> bool:
    """Whether each worker says of how many an average is; where none does it is judged as the service gives it."""
    having = [name in worker.means for worker in tally.workers]
    if any(having) and not all(having):
        raise IntegrationError(f"{having.count(False)} of {len(having)} workers give no {name}.")
    return any(having)


def _decimals(values: set[float]) -> int:
    """Of the number that has the most, which shows how the service rounds them all."""
    exponents = [Decimal(repr(value)).normalize().as_tuple().exponent for value in values]
    return max((-each for each in exponents if isinstance(each, int)), default=0)
