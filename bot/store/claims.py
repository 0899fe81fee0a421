"""Doubles: the first to claim a key has it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection


class Claims:
    """Table `claims`."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection

    async def claim(self, key: str, *, at: datetime) -> bool:
        """False when the key was claimed before; waits for a transaction that is claiming it now."""
        claimed = await self._connection.execute(
            "insert into claims (key, at) values (%s, %s) on conflict do nothing", [key, at]
        )
        return claimed.rowcount == 1

    async def claim_all(self, keys: Sequence[str], *, at: datetime) -> frozenset[str]:
        """Those of `keys` that nobody had claimed before."""
        claimed = await self._connection.execute(
            """insert into claims (key, at) select key, %s from unnest(%s::text[]) key
               on conflict do nothing returning key""",
            # In order, so that two replicas with the same keys wait for each other instead of deadlocking.
            [at, sorted(keys)],
        )
        return frozenset(key for (key,) in await claimed.fetchall())

    async def taken(self, key: str) -> bool:
        """Whether the key is claimed."""
        found = await self._connection.execute("select from claims where key = %s", [key])
        return await found.fetchone() is not None

    async def prune(self, *, before: datetime) -> None:
        """Forget claims made before a moment; their doubles would count as new."""
        await self._connection.execute("delete from claims where at < %s", [before])
