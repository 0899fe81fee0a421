"""Doubles: the first to claim a key has it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psycopg import AsyncConnection


class Claims:
    """Table `claims`; old rows are dropped by `Postgres.prune`."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection

    async def claim(self, key: str, *, at: datetime) -> bool:
        """False when the key was claimed before; waits for a transaction that is claiming it now."""
        claimed = await self._connection.execute(
            "insert into claims (key, at) values (%s, %s) on conflict do nothing", [key, at]
        )
        return claimed.rowcount == 1
