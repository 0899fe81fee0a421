"""What is due: rows whose time has come become jobs, in one transaction."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from bot.core.clock import Clock
from bot.core.errors import IntegrationError
from bot.core.records import Store
from bot.jobs.repeated import Repeated

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


class Sweeper(Repeated):
    """Sweeps each second; one runs in every replica, and each row goes to one of them."""

    def __init__(self, store: Store, *, clock: Clock, every: timedelta = EVERY) -> None:
        super().__init__("sweeper", every=every)
        self._store = store
        self._clock = clock

    async def once(self) -> None:
        """Take all rows that are due."""
        try:
            while await sweep(self._store, now=self._clock()) == AT_ONCE:
                pass
        except IntegrationError as error:
            log.warning("sweep failed", error=str(error))
