"""Wakes whoever looks for due slots: at the start, each minute, and when something has changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger

from bot.core.clock import Clock
from bot.core.errors import OpsbotError

log = structlog.get_logger(__name__)


Callback = Callable[[datetime], Awaitable[None]]


class Waker:
    """Calls each of `callbacks` with the present moment; what is due is for them to find out from the store.

    Slots begin on whole minutes, so a wake each minute meets every schedule, also one added on another replica.
    """

    def __init__(self, *callbacks: Callback, clock: Clock) -> None:
        self._callbacks = callbacks
        self._clock = clock
        self._scheduler = AsyncIOScheduler(timezone=UTC)

    def start(self) -> None:
        """Wake now, and from now on."""
        self._scheduler.add_job(
            self._wake,
            CronTrigger(minute="*", timezone=UTC),
            id="wake",
            next_run_time=datetime.now(UTC),
            coalesce=True,
            misfire_grace_time=None,  # the default drops a wake that comes more than a second late
        )
        self._scheduler.start()

    def wake(self) -> None:
        """Wake at once: something has changed."""
        self._scheduler.modify_job("wake", next_run_time=datetime.now(UTC))

    def stop(self) -> None:
        """Wake no more."""
        self._scheduler.shutdown(wait=False)

    async def _wake(self) -> None:
        for callback in self._callbacks:
            try:
                await callback(self._clock())
            except OpsbotError as error:
                log.warning("wake failed", error=str(error))
