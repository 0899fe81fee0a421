"""Waiting for what happens elsewhere: in another process, or in another task."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable


async def until(condition: Callable[[], bool | Awaitable[bool]], *, within: float = 20) -> None:
    """Return when `condition` is true; `TimeoutError` when it is not within so many seconds."""
    async with asyncio.timeout(within):
        while not await _answer(condition):  # noqa: ASYNC110 - it happens where no event of this loop can be set
            await asyncio.sleep(0.02)


async def _answer(condition: Callable[[], bool | Awaitable[bool]]) -> bool:
    answer = condition()
    return await answer if inspect.isawaitable(answer) else answer
