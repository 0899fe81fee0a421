"""Rows that are due become jobs, once, and with their transaction or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import psycopg
import pytest

from bot.core.records import Due
from bot.jobs.due import AT_ONCE, Sweeper, sweep
from bot.jobs.queue import defer
from bot.store.postgres import Postgres
from tests.conftest import AUDIT_KEY, Deferred, Job, SetClock
from tests.waiting import until

MINUTE = timedelta(minutes=1)


@pytest.fixture
async def queued(database: str) -> AsyncIterator[Postgres]:
    """A store whose jobs go on the real queue."""
    async with Postgres.open(database, defer=defer, audit_key=AUDIT_KEY) as store:
        yield store


async def put(store: Postgres, key: str, clock: SetClock, *, after: timedelta = MINUTE) -> None:
    async with store.transaction() as tx:
        await tx.due.put(Due("lease_end", key, clock() + after, {"lease_id": key}))


async def jobs(database: str) -> list[tuple[str, str | None, object]]:
    async with await psycopg.AsyncConnection.connect(database) as connection:
        found = await connection.execute("select task_name, lock, args from procrastinate_jobs order by id")
        return await found.fetchall()


async def test_a_row_becomes_a_job_when_the_injected_clock_says_so(
    store: Postgres, deferred: Deferred, clock: SetClock
) -> None:
    await put(store, "one", clock)
    assert await sweep(store, now=clock()) == 0

    assert await sweep(store, now=clock.advance(MINUTE)) == 1

    assert deferred.jobs == [Job("lease_end", None, {"lease_id": "one"})]
    assert await sweep(store, now=clock()) == 0


async def test_two_sweepers_at_once_take_each_row_once(queued: Postgres, database: str, clock: SetClock) -> None:
    for number in range(20):
        await put(queued, str(number), clock)
    now = clock.advance(MINUTE)

    counts = await asyncio.gather(*(sweep(queued, now=now) for _ in range(4)))

    assert sum(counts) == 20
    assert len(await jobs(database)) == 20


async def test_a_row_and_its_job_come_together_or_not_at_all(queued: Postgres, database: str, clock: SetClock) -> None:
    await put(queued, "one", clock)
    now = clock.advance(MINUTE)

    async def die_before_the_commit() -> None:
        async with queued.transaction() as tx:
            [row] = await tx.due.take(now=now)
            await tx.jobs.defer(row.kind, args=row.args)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await die_before_the_commit()
    assert await jobs(database) == []

    await sweep(queued, now=now)

    assert await jobs(database) == [("lease_end", None, {"lease_id": "one"})]


async def test_a_claim_and_its_job_come_together_or_not_at_all(
    queued: Postgres, database: str, clock: SetClock
) -> None:
    async def claim(*, fails: bool) -> bool:
        async with queued.transaction() as tx:
            won = await tx.claims.claim("slot", at=clock())
            await tx.jobs.defer("digest", lock="a", args={"slot": "2026-03-02T09:00"})
            if fails:
                raise ZeroDivisionError
            return won

    with pytest.raises(ZeroDivisionError):
        await claim(fails=True)
    assert await jobs(database) == []

    assert await claim(fails=False)

    assert await jobs(database) == [("digest", "a", {"slot": "2026-03-02T09:00"})]


async def test_the_sweeper_takes_all_that_is_due_and_goes_on(
    store: Postgres, deferred: Deferred, clock: SetClock
) -> None:
    for number in range(AT_ONCE + 1):
        await put(store, str(number), clock)
    clock.advance(MINUTE)
    sweeper = Sweeper(store, clock=clock, every=timedelta(seconds=0.01))

    sweeper.start()
    await until(lambda: len(deferred.jobs) == AT_ONCE + 1)
    await put(store, "late", clock, after=timedelta())
    await until(lambda: len(deferred.jobs) == AT_ONCE + 2)
    await sweeper.stop()

    await put(store, "after the stop", clock, after=timedelta())
    assert len(deferred.jobs) == AT_ONCE + 2


async def test_a_sweep_that_fails_is_followed_by_the_next(
    store: Postgres, deferred: Deferred, clock: SetClock, database: str
) -> None:
    await put(store, "one", clock)
    clock.advance(MINUTE)
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:
        await connection.execute("alter table due rename to gone")
        sweeper = Sweeper(store, clock=clock, every=timedelta(seconds=0.01))
        sweeper.start()
        await asyncio.sleep(0.2)
        assert deferred.jobs == []

        await connection.execute("alter table gone rename to due")

        await until(lambda: len(deferred.jobs) == 1)
    await sweeper.stop()


async def test_a_sweeper_that_was_never_started_can_be_stopped(store: Postgres, clock: SetClock) -> None:
    await Sweeper(store, clock=clock).stop()
