"""Group commit: what arrives while one transaction is being written goes into the next one together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import psycopg

from bot.core.errors import IntegrationError
from bot.core.records import Store, Unit

T = TypeVar("T")
R = TypeVar("R")


class Batcher(Generic[T, R]):
    """Writes the items of many callers in few transactions, in the order in which they came; a lone one at once."""

    def __init__(self, store: Store, write: Callable[[Unit, Sequence[T]], Awaitable[R]], *, limit: int = 500) -> None:
        self._store = store
        self._write = write
        self._limit = limit
        self._one_at_a_time = asyncio.Lock()
        self._batch: list[T] | None = None
        self._commit: asyncio.Task[R] | None = None

    async def add(self, item: T) -> R:
        """What the transaction with `item` came to, once it is committed; or raise what it failed with."""
        if self._commit is None or self._batch is None or len(self._batch) >= self._limit:
            self._batch = []
            self._commit = asyncio.create_task(self._store_all(self._batch))
        self._batch.append(item)
        try:
            # One caller that gives up must not take its neighbours' items with it.
            return await asyncio.shield(self._commit)
        except IntegrationError as error:
            if not isinstance(error.__cause__, psycopg.DataError):
                raise
            # One of the batch cannot be stored, and must not keep its neighbours out.
            return await self._store_all([item])

    async def _store_all(self, batch: list[T]) -> R:
        async with self._one_at_a_time:
            if self._batch is batch:
                self._batch = None
            async with self._store.transaction() as tx:
                return await self._write(tx, batch)
