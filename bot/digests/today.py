"""How much workers counted today, those included that have ended since.

Each counts from nothing when it is started and at the service's midnight, wherever that is: it is seen where the count
of a process falls, and taken to be UTC's where none was seen to. What a process that ended counted is known up to the
last look at it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from bot.core.ports import Voice
from bot.core.records import Store
from bot.core.tallies import Counted, Tally
from bot.digests.lately import FURTHEST

_DAY = timedelta(days=1)

_HIDDEN = 0.05
"""So little of the day may have gone unseen before starts, as a part of it, that its count is told without a word."""

_EVERYBODYS: Voice = ""
"""Counts for all workers, and goes on when they are started again."""


@dataclass(frozen=True, slots=True)
class Today:
    """What was counted, how much of that by processes that have ended, and how long nobody saw what such counted."""

    count: float
    ended: float
    unseen: timedelta
    is_whole: bool


async def today(tally: Tally, name: str, *, store: Store) -> Today:
    """What all workers counted of `name` up to `tally`, and remember that."""
    async with store.transaction() as tx:
        await tx.tallies.add(tally)
        looks = [*await tx.tallies.series(tally.service, since=tally.at - FURTHEST, until=tally.at), tally]
    return counted_today(looks, name)


def counted_today(tallies: Sequence[Tally], name: str) -> Today:
    """The same of looks that are there, the oldest first."""
    known = [replace(tally, workers=tuple(each for each in tally.workers if name in each.sums)) for tally in tallies]
    looks = [tally for tally in known if tally.workers]
    now, there = looks[-1].at, {each.process for each in looks[-1].workers}
    begin = _midnight(looks, name)
    counts = {each.process: each.sums[name] for look in looks if look.at > begin for each in look.workers}
    unseen = sum(_unseen(looks, begin), timedelta())
    return Today(
        count=sum(counts.values()),
        ended=sum(count for process, count in counts.items() if process not in there),
        unseen=unseen,
        is_whole=unseen <= _HIDDEN * (now - begin),
    )


def _midnight(looks: Sequence[Tally], name: str) -> datetime:
    """When the day began: where a count fell first after midnight in UTC, else where one fell last before that.

    Some counts fall only with the first payment of the day. Between two looks it is midnight, or the earlier look.
    """
    now = looks[-1].at
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    falls = [fall for fall in _falls(looks, name) if fall[1] > now - _DAY]
    later = [fall for fall in falls if fall[1] > midnight]
    if not falls:
        return midnight
    before, after = later[0] if later else falls[-1]
    return midnight if before < midnight <= after else before


def _falls(looks: Sequence[Tally], name: str) -> Iterator[tuple[datetime, datetime]]:
    """The looks between which the count of a process fell."""
    for before, after in pairwise(looks):
        counts = {each.process: each.sums[name] for each in before.workers}
        if any(each.sums[name] < counts.get(each.process, 0) for each in after.workers):
            yield before.at, after.at


def _unseen(looks: Sequence[Tally], begin: datetime) -> Iterator[timedelta]:
    """How long after each look a process may have counted that was gone at the next one; the day before the first."""
    before: Sequence[Counted] = ()
    since = begin
    for look in looks:
        if look.at > begin:
            yield max(_last_start(before, look, begin) - since, timedelta())
        before, since = look.workers, max(begin, look.at)


def _last_start(before: Sequence[Counted], look: Tally, begin: datetime) -> datetime:
    """Until when others may have counted than those that are there: until they were started in their place."""
    old, new = ({each.process for each in workers} for workers in (before, look.workers))
    if before and old <= new:
        return begin
    starts = [begin if voice == _EVERYBODYS else start for voice, start in new - old]
    known = [start for start in starts if start]
    return min(look.at, max(known)) if known and len(known) == len(starts) else look.at
