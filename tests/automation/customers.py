"""Customers of the gateway, while something is looked at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import aiohttp

Ask = Callable[[aiohttp.ClientSession], Awaitable[None]]
"""One request to its end."""


@asynccontextmanager
async def customers(ask: Ask, count: int) -> AsyncIterator[None]:
    """So many that ask again and again, each time on a connection of its own; whoever is turned away comes again."""

    async def stay(session: aiohttp.ClientSession) -> None:
        while True:
            with suppress(aiohttp.ClientError):
                await ask(session)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, force_close=True)) as session:
        tasks = [asyncio.create_task(stay(session)) for _ in range(count)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
