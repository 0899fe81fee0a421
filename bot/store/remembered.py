"""Small answers of outside systems, for when the system is away."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, cast

from psycopg import AsyncConnection
from pydantic import JsonValue

from bot.store.rows import dump


class Remembered:
    """Table `remembered`, the last answer by key."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection

    async def put(self, key: str, value: JsonValue, *, at: datetime) -> None:
        """Remember an answer in place of the former one."""
        await self._connection.execute(
            """insert into remembered (key, value, at) values (%s, %s, %s)
               on conflict (key) do update set value = excluded.value, at = excluded.at""",
            [key, dump(JsonValue, value), at],
        )

    async def get(self, key: str, *, within: timedelta, now: datetime) -> JsonValue | None:
        """The answer, if it was given no longer than `within` ago."""
        found = await self._connection.execute(
            "select value from remembered where key = %s and at >= %s", [key, now - within]
        )
        row = await found.fetchone()
        return cast("JsonValue", row[0]) if row else None
