import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import psycopg
import pytest

from bot.core.errors import Conflict, IntegrationError
from bot.core.records import Unit
from bot.store.batch import Batcher
from bot.store.postgres import Postgres

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class Written:
    """Claims keys, and remembers in which batches they came."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.began = asyncio.Event()

    async def __call__(self, tx: Unit, keys: Sequence[str]) -> None:
        self.batches.append(list(keys))
        self.began.set()
        for key in keys:
            if not await tx.claims.claim(key, at=NOW):
                raise Conflict(f"{key} is claimed.")


async def claimed(store: Postgres, key: str) -> bool:
    async with store.transaction() as tx:
        return await tx.claims.taken(key)


async def test_a_lone_item_is_committed_when_add_returns(store: Postgres) -> None:
    batcher = Batcher(store, Written())

    await batcher.add("a")

    assert await claimed(store, "a")


async def test_what_arrives_while_a_batch_is_written_goes_into_the_next_in_order(store: Postgres) -> None:
    written = Written()
    batcher = Batcher(store, written)

    first = asyncio.create_task(batcher.add("first"))
    await written.began.wait()
    await asyncio.gather(first, *(batcher.add(f"{n}") for n in range(50)))

    assert written.batches == [["first"], [f"{n}" for n in range(50)]]


async def test_no_batch_is_larger_than_its_limit(store: Postgres) -> None:
    written = Written()
    batcher = Batcher(store, written, limit=20)

    await asyncio.gather(*(batcher.add(f"{n}") for n in range(50)))

    assert [len(batch) for batch in written.batches] == [20, 20, 10]


async def test_everyone_in_a_batch_that_failed_is_told_and_the_next_batch_is_written(store: Postgres) -> None:
    batcher = Batcher(store, Written())
    await batcher.add("a")

    answers = await asyncio.gather(batcher.add("b"), batcher.add("a"), return_exceptions=True)
    await batcher.add("b")

    assert [type(answer) for answer in answers] == [Conflict, Conflict]
    assert await claimed(store, "b")


async def test_an_item_that_cannot_be_stored_does_not_keep_its_neighbours_out(store: Postgres) -> None:
    async def write(tx: Unit, moments: Sequence[int]) -> None:
        for moment in moments:
            await tx.remembered.put(f"{moment}", float("nan") if moment == 1 else moment, at=NOW)

    batcher = Batcher(store, write)

    answers = await asyncio.gather(*(batcher.add(n) for n in range(3)), return_exceptions=True)

    assert [type(answer) for answer in answers] == [type(None), IntegrationError, type(None)]


async def test_a_caller_that_gives_up_does_not_take_its_neighbours_items_with_it(store: Postgres) -> None:
    written = Written()
    batcher = Batcher(store, written)

    impatient, patient = (asyncio.create_task(batcher.add(key)) for key in ("impatient", "patient"))
    await written.began.wait()
    impatient.cancel()
    await patient

    with pytest.raises(asyncio.CancelledError):
        await impatient
    assert await claimed(store, "patient")


async def test_a_batch_that_lost_the_database_is_not_tried_item_by_item(store: Postgres, database: str) -> None:
    batches = []

    async def write(tx: Unit, keys: Sequence[str]) -> None:
        batches.append(list(keys))
        with psycopg.connect(database) as connection:
            connection.execute(
                """select pg_terminate_backend(pid, 5000) from pg_stat_activity
                   where application_name = 'opsbot' and datname = current_database()"""
            )
        await tx.claims.claim_all(keys, at=NOW)

    batcher = Batcher(store, write)

    answers = await asyncio.gather(batcher.add("a"), batcher.add("b"), return_exceptions=True)

    assert [type(answer) for answer in answers] == [IntegrationError, IntegrationError]
    assert batches == [["a", "b"]]
