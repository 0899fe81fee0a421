"""Jobs that are put on the queue in the transaction of what causes them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from psycopg import AsyncConnection
from pydantic import JsonValue

Defer = Callable[[AsyncConnection[Any], str, str | None, Mapping[str, JsonValue]], Awaitable[None]]
"""Puts a job (task, lock, args) on the queue inside the transaction that the connection is in."""


class Jobs:
    """The queue, as a transaction sees it."""

    def __init__(self, connection: AsyncConnection[Any], defer: Defer) -> None:
        self._connection = connection
        self._defer = defer

    async def defer(self, task: str, *, lock: str | None = None, args: Mapping[str, JsonValue]) -> None:
        """Run `task` once this transaction has committed."""
        await self._defer(self._connection, task, lock, args)
