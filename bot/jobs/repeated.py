"""Something that a replica does again and again, until it is told to stop."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from contextlib import suppress
from datetime import timedelta


class Repeated(ABC):
    """Does `once`, waits for `every`, and so on; `name` is that of its task."""

    def __init__(self, name: str, *, every: timedelta) -> None:
        self._name = name
        self._every = every
        self._task: asyncio.Task[None] | None = None

    @abstractmethod
    async def once(self) -> None:
        """What is done; an error that gets out of it ends the repetition."""

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name=self._name)

    async def stop(self) -> None:
        """Do it no more; what is being done is cut off."""
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _run(self) -> None:
        while True:
            await self.once()
            await asyncio.sleep(self._every.total_seconds())
