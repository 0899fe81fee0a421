import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bot.core.records import Due
from bot.store.postgres import Postgres

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def due(key: str, *, at: datetime = NOW) -> Due:
    return Due("reminder", key, at, {"n": 1})


async def put(store: Postgres, *rows: Due) -> None:
    async with store.transaction() as tx:
        for row in rows:
            await tx.due.put(row)


async def test_rows_are_taken_once_when_their_time_has_come_the_longest_due_first(store: Postgres) -> None:
    late, now, later = due("b", at=NOW - timedelta(hours=1)), due("a"), due("c", at=NOW + timedelta(seconds=1))
    await put(store, now, late, later)

    async with store.transaction() as tx:
        taken = [await tx.due.take(now=NOW) for _ in range(2)]

    assert taken == [(late, now), ()]


async def test_a_row_put_again_moves_the_one_that_waits(store: Postgres) -> None:
    await put(store, due("a"), due("a", at=NOW + timedelta(hours=1)))

    async with store.transaction() as tx:
        assert await tx.due.take(now=NOW) == ()
        assert len(await tx.due.take(now=NOW + timedelta(hours=1))) == 1


async def test_a_dropped_row_is_not_taken(store: Postgres) -> None:
    await put(store, due("a"))

    async with store.transaction() as tx:
        await tx.due.drop("reminder", "a")
        assert await tx.due.take(now=NOW) == ()


async def test_two_sweepers_at_once_share_the_rows_without_waiting(store: Postgres) -> None:
    await put(store, *(due(f"{n}") for n in range(6)))
    both = asyncio.Barrier(2)

    async def sweep() -> set[str]:
        async with store.transaction() as tx:
            taken = await tx.due.take(now=NOW, limit=3)
            await both.wait()
        return {row.key for row in taken}

    one, other = await asyncio.gather(sweep(), sweep())

    assert len(one) == len(other) == 3
    assert not one & other


async def test_rows_taken_by_a_transaction_that_failed_come_again(store: Postgres) -> None:
    await put(store, due("a"))

    async def take_and_fail() -> None:
        async with store.transaction() as tx:
            await tx.due.take(now=NOW)
            raise TimeoutError

    with pytest.raises(TimeoutError):
        await take_and_fail()

    async with store.transaction() as tx:
        assert len(await tx.due.take(now=NOW)) == 1
