"""The checks that look ahead: when what fills up will be full, by the line through its history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from statistics import linear_regression

from bot.core.parts import State
from bot.core.readings import Reading
from bot.core.records import Store
from bot.digests.declaration import Declaration, Family, Finding, Limit, NotYet, Terms, at_least

FULL_WARN = Limit("full_days_warn_below", 14, "Days until a disk, or the database's connections, are used up.")
FULL_FAIL = Limit("full_days_fail_below", 3, "The same, below which somebody has to act at once.")

_LOOKED_BACK = timedelta(days=14)
_LEAST_SPAN = timedelta(days=1)
_LEAST = 24  # readings
_DAY = timedelta(days=1)
_NEVER = 3650.0  # days; a line that is flatter says nothing of any use


def days_to_full(readings: Sequence[Reading]) -> float | None:
    """Days from the last of some readings in percent until 100; None when they do not rise.

    `NotYet` when there is too little of them to say.
    """
    known = [(each.at, each.value) for each in readings if each.value is not None]
    if len(known) < _LEAST or known[-1][0] - known[0][0] < _LEAST_SPAN:
        raise NotYet("There is less than a day of history yet, which says nothing of the days to come.")
    first, last = known[0][0], known[-1][0]
    slope, base = linear_regression([(at - first) / _DAY for at, _ in known], [value for _, value in known])
    now = base + slope * ((last - first) / _DAY)
    left = max(100 - now, 0)
    return left / slope if slope > 0 and left <= _NEVER * slope else None


def growth_of(check: str, name: str, *, then: tuple[str, ...]) -> Declaration:
    """The look ahead at what `check` tells in percent."""

    async def find(terms: Terms, *, store: Store) -> Finding:
        async with store.transaction() as tx:
            readings = await tx.readings.series(terms.service, check, since=terms.now - _LOOKED_BACK, until=terms.now)
        limit = f"at least {terms[FULL_WARN]:g} days"
        days = days_to_full(readings)
        if days is None:
            return Finding(State.OK, "never, as it goes", limit)
        state = at_least(days, terms, warn=FULL_WARN, fail=FULL_FAIL)
        return Finding(state, f"in {days:.0f} days, as it goes", limit, f"By the line through {check}.", days)

    return Declaration(
        name,
        find,
        rows=("L",),
        limits=(FULL_WARN, FULL_FAIL),
        unit="days",
        family=Family.HOST,
        every=timedelta(hours=1),
        owner="Infrastructure",
        follows=(check,),
        then=then,
    )


GROWTH = (
    growth_of("Disks", "Disk full", then=("resources",)),
    growth_of("Database", "Connections used up", then=("db",)),
)
