"""Timeline entries that did not come from a message."""

from __future__ import annotations

from typing import Any

from psycopg import AsyncConnection

from bot.core.incidents import Entry
from bot.core.ports import MessageRef
from bot.store.rows import dump, row_of


class Entries:
    """Table `entries`, kept once per `id`."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection

    async def add(self, entry: Entry) -> None:
        """Store it, unless one of that id is there."""
        await self._connection.execute(
            """insert into entries (id, incident, at, author, kind, text, operation_id, message)
               values (%s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing""",
            [
                *(entry.id, entry.incident, entry.at, entry.author, entry.kind, entry.text, entry.operation_id),
                dump(MessageRef, entry.message) if entry.message else None,
            ],
        )

    async def drop(self, entry_id: str) -> None:
        """Take it out, where it is no longer true."""
        await self._connection.execute("delete from entries where id = %s", [entry_id])

    async def of_incident(self, number: int) -> tuple[Entry, ...]:
        """All of one incident, in order of time."""
        async with self._connection.cursor(row_factory=row_of(Entry)) as cursor:
            await cursor.execute("select * from entries where incident = %s order by at, id", [number])
            return tuple(await cursor.fetchall())
