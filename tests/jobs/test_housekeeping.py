"""What nothing refers to any more is thrown away, and what may still be needed is kept."""

from __future__ import annotations

from datetime import timedelta

from bot.core.records import Pending
from bot.jobs.due import sweep
from bot.jobs.housekeeping import KEEP, TASK, Housekeeping
from bot.store.postgres import Postgres
from tests.conftest import Deferred, SetClock


async def test_old_keys_and_forms_go_and_recent_ones_stay(store: Postgres, clock: SetClock) -> None:
    async with store.transaction() as tx:
        await tx.claims.claim("old", at=clock() - KEEP - timedelta(seconds=1))
        await tx.claims.claim("recent", at=clock())
        await tx.pending.put(Pending("form", "form", "U1", "C1", {}, clock() - KEEP - timedelta(seconds=1)))

    await Housekeeping(store, clock).tidy()

    async with store.transaction() as tx:
        assert [await tx.claims.taken(key) for key in ("old", "recent")] == [False, True]
        assert await tx.pending.use("form") is False


async def test_a_round_comes_after_the_start_and_then_each_day(
    store: Postgres, clock: SetClock, deferred: Deferred
) -> None:
    housekeeping = Housekeeping(store, clock)
    await housekeeping.plan()

    for _ in range(2):
        assert await sweep(store, now=clock()) == 0
        clock.advance(timedelta(days=1, minutes=1))
        assert await sweep(store, now=clock()) == 1
        await housekeeping.tidy()

    assert [job.task for job in deferred.jobs] == [TASK, TASK]
