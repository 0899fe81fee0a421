"""Timeline entries that did not come from a message."""

from __future__ import annotations

from typing import Any

from psycopg import AsyncConnection

from bot.core.errors import NotFound
from bot.core.incidents import EVENT, NO_EVENTS, Entry
from bot.core.ports import MessageRef
from bot.core.records import Due
from bot.store.due import DueRows
from bot.store.rows import dump, row_of


class Entries:
    """Table `entries`, kept once per `id`; a new one that is an event has its due row."""

    def __init__(self, connection: AsyncConnection[Any], due: DueRows) -> None:
        self._connection = connection
        self._due = due

    async def add(self, entry: Entry) -> None:
        """Store it, unless one of that id is there."""
        added = await self._connection.execute(
            """insert into entries (id, incident, at, author, kind, text, operation_id, message)
               values (%s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing""",
            [
                *(entry.id, entry.incident, entry.at, entry.author, entry.kind, entry.text, entry.operation_id),
                dump(MessageRef, entry.message) if entry.message else None,
            ],
        )
        if added.rowcount and entry.kind not in NO_EVENTS:
            await self._due.put(Due(EVENT, entry.id, entry.at, {"entry_id": entry.id}))

    async def drop(self, entry_id: str) -> None:
        """Take it out, where it is no longer true."""
        await self._connection.execute("delete from entries where id = %s", [entry_id])

    async def get(self, entry_id: str) -> Entry:
        """One of them; `NotFound` when there is none."""
        async with self._connection.cursor(row_factory=row_of(Entry)) as cursor:
            await cursor.execute("select * from entries where id = %s", [entry_id])
            entry = await cursor.fetchone()
        if entry is None:
            raise NotFound("There is no such entry.")
        return entry

    async def of_incident(self, number: int) -> tuple[Entry, ...]:
        """All of one incident, in order of time."""
        async with self._connection.cursor(row_factory=row_of(Entry)) as cursor:
            await cursor.execute("select * from entries where incident = %s order by at, id", [number])
            return tuple(await cursor.fetchall())
