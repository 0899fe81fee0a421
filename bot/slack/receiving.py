"""The watch over what is received: it knows when something may have been missed, and has that read again.

A span is missing when no replica was there to hear it. Each replica has a mark in the store: until when it received
everything. It moves its mark on every few seconds while all of this holds, and begins anew when it does not:
- it had a connection to Slack all the time since it last moved the mark (a count of interruptions tells),
- each event that came was stored (a count of failures tells: one that is not stored is not acked, and Slack gives up
  on it after three more attempts),
- the mark is not older than `LONGEST`: a process that was paused has heard nothing meanwhile, and does not know.

Beginning anew sets the mark to now and has every channel that is recorded read for the span since the furthest mark of
any replica, in one transaction. So at any time every moment before the furthest mark was either heard by the replica
that moved the mark over it, or a stored backfill covers it. `MARGIN` is taken off that mark, for what was on
its way when the connection went, and for a half-open connection, which is noticed after seconds. What is read twice is
stored once, so the span may be too long and must not be too short.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from uuid import uuid4

import structlog

from bot.core.clock import Clock
from bot.core.errors import IntegrationError
from bot.core.records import Store
from bot.incidents.backfills import read_again

EVERY = timedelta(seconds=5)
LONGEST = timedelta(seconds=30)
MARGIN = timedelta(minutes=1)
RECORDED_FOR = timedelta(days=14)
"""How long after its end an incident's channel is still kept up with."""

log = structlog.get_logger(__name__)


class Watch:
    """Moves this replica's mark while `connected` says so and the count of `interruptions` stays the same."""

    def __init__(
        self, store: Store, *, clock: Clock, connected: Callable[[], bool], interruptions: Callable[[], int]
    ) -> None:
        self._store = store
        self._clock = clock
        self._connected = connected
        self._interruptions = interruptions
        self._replica = uuid4().hex
        self._before: int | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self, *, every: timedelta = EVERY) -> None:
        """Watch from now on, after a first look."""
        await self._try()
        self._task = asyncio.create_task(self._run(every), name="receiving watch")

    async def stop(self) -> None:
        """Move the mark no more."""
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _run(self, every: timedelta) -> None:
        while True:
            await asyncio.sleep(every.total_seconds())
            await self._try()

    async def _try(self) -> None:
        try:
            await self.look()
        except IntegrationError as error:
            log.warning("mark not moved", reason=str(error))

    async def look(self) -> None:
        """Move the mark on; where something may have been missed, have it read."""
        interruptions, now = self._interruptions(), self._clock()  # what breaks after this is seen the next time
        if not self._connected():
            return
        if interruptions == self._before:
            async with self._store.transaction() as tx:
                if await tx.backfills.beat(self._replica, at=now, after=now - LONGEST):
                    return
        async with self._store.transaction() as tx:
            heard = await tx.backfills.received_until()
            await tx.backfills.begin(self._replica, at=now)
            for channel in await tx.backfills.recorded_channels(over_since=now - RECORDED_FOR) if heard else ():
                await read_again(tx, channel, since=(heard or now) - MARGIN, now=now)
        self._before = interruptions
