"""What is usual: robust figures of what a check found at the same time of the week, and how far off a value is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from bot.core.parts import State
from bot.digests.declaration import Limit, Terms, Unusual

WEEKS = 14
"""Same weekdays that are looked back at."""

FEWEST = 5
"""Fewer values say nothing of what is usual."""

NEAR = timedelta(minutes=30)
"""How far from the same time a reading may be: counters of the day grow over the day."""

USUAL_WARN = Limit("usual_deviations_warn_above", 4, "Robust deviations from the usual that a value may be off.")
USUAL_FAIL = Limit("usual_deviations_fail_above", 6, "Robust deviations from the usual beyond which something broke.")
USUAL_LIMITS = (USUAL_WARN, USUAL_FAIL)

_DEVIATION = 1.4826
"""What the median absolute deviation is multiplied with, to be the standard deviation of normal values."""

_LEAST_SPREAD = 0.1
"""Of the median: values that hardly ever moved would make everything unusual otherwise."""


@dataclass(frozen=True, slots=True)
class Usual:
    """The middle of the values, their robust standard deviation, and how many there were."""

    middle: float
    deviation: float
    count: int

    def off(self, value: float) -> float:
        """How many deviations a value is above the middle; below it is negative."""
        if value == self.middle:
            return 0.0
        return (value - self.middle) / self.deviation if self.deviation else float("inf") * (value - self.middle)


def usual_of(values: Sequence[float]) -> Usual | None:
    """What is usual by these values; None of too few."""
    if len(values) < FEWEST:
        return None
    middle = median(values)
    spread = median(abs(value - middle) for value in values)
    return Usual(middle, _DEVIATION * max(spread, _LEAST_SPREAD * abs(middle)), len(values))


def same_weekdays(now: datetime) -> tuple[datetime, ...]:
    """The same time on the same weekday of the weeks before; by elapsed time, so that changed clocks move it."""
    return tuple(now - timedelta(weeks=week) for week in range(1, WEEKS + 1))


def last_days(now: datetime) -> tuple[datetime, ...]:
    """The same time on each of the last seven days, yesterday first."""
    return tuple(now - timedelta(days=day) for day in range(1, 8))


def judge(value: float, usual: Usual, side: Unusual, terms: Terms) -> State:
    """How a value is against the usual, looked at from one side."""
    off = usual.off(value) * side.value
    if off > terms[USUAL_FAIL]:
        return State.FAIL
    return State.WARN if off > terms[USUAL_WARN] else State.OK
