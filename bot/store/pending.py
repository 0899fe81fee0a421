"""Rows behind the opaque ids that payloads carry."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

from bot.core.errors import NotFound
from bot.core.plan import Json
from bot.core.records import Pending
from bot.store.rows import dump, row_of


class PendingRows:
    """Table `pending`."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection

    async def put(self, pending: Pending) -> None:
        """Store a row that waits to be used."""
        p = pending
        await self._connection.execute(
            "insert into pending (id, kind, user_id, channel, data, created_at) values (%s, %s, %s, %s, %s, %s)",
            [p.id, p.kind, p.user_id, p.channel, dump(Json, p.data), p.created_at],
        )

    async def get(self, pending_id: str) -> Pending:
        """One row, used or not; `NotFound` when there is none."""
        async with self._connection.cursor(row_factory=row_of(Pending)) as cursor:
            await cursor.execute("select * from pending where id = %s", [pending_id])
            pending = await cursor.fetchone()
        if pending is None:
            raise NotFound("This form or button is too old.", hint="Start again with the command.")
        return pending

    async def use(self, pending_id: str) -> bool:
        """Compare and swap from waiting to used; False when it was used before."""
        used = await self._connection.execute("update pending set used = true where id = %s and not used", [pending_id])
        return used.rowcount == 1

    async def prune(self, *, before: datetime) -> None:
        """Drop rows made before a moment, used or not."""
        await self._connection.execute("delete from pending where created_at < %s", [before])
