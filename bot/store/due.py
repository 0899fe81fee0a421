"""What is due later: rows that one replica takes when their time has come."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

from bot.core.plan import Json
from bot.core.records import Due
from bot.store.rows import dump, row_of


class DueRows:
    """Table `due`: a row waits there until it is taken, and is gone then."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection

    async def put(self, due: Due) -> None:
        """Add a row, or move the one that waits under the same (kind, key)."""
        await self._connection.execute(
            """insert into due (kind, key, due_at, args) values (%s, %s, %s, %s)
               on conflict (kind, key) do update set due_at = excluded.due_at, args = excluded.args""",
            [due.kind, due.key, due.due_at, dump(Json, due.args)],
        )

    async def put_missing(self, due: Due) -> None:
        """Add a row, unless one waits under its (kind, key)."""
        await self._connection.execute(
            "insert into due (kind, key, due_at, args) values (%s, %s, %s, %s) on conflict do nothing",
            [due.kind, due.key, due.due_at, dump(Json, due.args)],
        )

    async def drop(self, kind: str, key: str) -> None:
        """Forget a row, if it still waits."""
        await self._connection.execute("delete from due where kind = %s and key = %s", [kind, key])

    async def take(self, *, now: datetime, limit: int = 50) -> tuple[Due, ...]:
        """Take rows whose time has come, the longest due first; they come again if this transaction fails."""
        async with self._connection.cursor(row_factory=row_of(Due)) as cursor:
            await cursor.execute(
                """with taken as (
                       delete from due where (kind, key) in (
                           select kind, key from due where due_at <= %s order by due_at limit %s for update skip locked)
                       returning kind, key, due_at, args)
                   select * from taken order by due_at, kind, key""",
                [now, limit],
            )
            return tuple(await cursor.fetchall())
