"""What is thrown away after a while, once a day."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from bot.core.clock import Clock
from bot.core.records import Due, Store

TASK = "housekeeping"

KEEP = timedelta(days=7)
"""How long keys of payloads and rows behind forms are kept: Slack's last copy comes after minutes, a form is open for
hours. The audit chain is never shortened by itself."""

KEEP_ALERTS = timedelta(days=90)
"""How long alerts that are over are kept, and what was done about them by itself."""

KEEP_TALLIES = timedelta(days=2)
"""How long is kept what workers had counted: nobody looks further back than a day."""

_FIRST, _EVERY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Housekeeping:
    """Runs as a due row that puts itself back, so that of many replicas one does it."""

    store: Store
    clock: Clock

    @property
    def handlers(self) -> Mapping[str, Callable[..., Awaitable[None]]]:
        """The job by its name."""
        return {TASK: self.tidy}

    async def plan(self) -> None:
        """Have a round come an hour after the start, and then each day."""
        async with self.store.transaction() as tx:
            await tx.due.put(Due(TASK, "daily", self.clock() + _FIRST, {}))

    async def tidy(self) -> None:
        """Throw away what nothing refers to any more."""
        now = self.clock()
        before = now - KEEP
        async with self.store.transaction() as tx:
            await tx.claims.prune(before=before)
            await tx.pending.prune(before=before)
            await tx.readings.prune(now=now)
            await tx.tallies.prune(before=now - KEEP_TALLIES)
            await tx.alerts.prune(before=now - KEEP_ALERTS)
            await tx.automation.prune(before=now - KEEP_ALERTS)
            await tx.due.put(Due(TASK, "daily", now + _EVERY, {}))
