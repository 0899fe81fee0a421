"""What is due: rows whose time has come become jobs, in one transaction."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from bot.core.clock import Clock
from bot.core.errors import IntegrationError
from bot.core.records import Store

EVERY = timedelta(seconds=1)
AT_ONCE = 50

log = structlog.get_logger(__name__)


async def sweep(store: Store, *, now: datetime) -> int:
    """Defer a job for each row that is due, its kind being the task's name; how many there were."""
    async with store.transaction() as tx:
        rows = await tx.due.take(now=now, limit=AT_ONCE)
        for row in rows:
            await tx.jobs.defer(row.kind, args=row.args)
    return len(rows)


class Sweeper:
    """Sweeps each second; one runs in every replica, and each row goes to one of them."""

    def __init__(self, store: Store, *, clock: Clock, every: timedelta = EVERY) -> None:
        self._store = store
        self._clock = clock
        self._every = every
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Sweep from now on."""
        self._task = asyncio.create_task(self._run(), name="sweeper")

    async def stop(self) -> None:
        """Take no further row."""
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _run(self) -> None:
        while True:
            try:
                while await sweep(self._store, now=self._clock()) == AT_ONCE:
                    pass
            except IntegrationError as error:
                log.warning("sweep failed", error=str(error))
            await asyncio.sleep(self._every.total_seconds())
