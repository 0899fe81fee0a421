"""Timeline entries that did not come from a message."""

from __future__ import annotations

from typing import Any

from psycopg import AsyncConnection

from bot.core.errors import NotFound
from bot.core.incidents import EVENT, NO_EVENTS, Entry, EntryEdit
from bot.core.ports import MessageRef
from bot.core.records import Due
from bot.store.due import DueRows
from bot.store.rows import dump, row_of


class Entries:
    """Tables `entries`, kept once per `id` (a new one that is an event has its due row), and `entry_edits`."""

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

    async def set_message(self, entry_id: str, message: MessageRef) -> None:
        """Remember the message that tells the same."""
        await self._connection.execute(
            "update entries set message = %s where id = %s", [dump(MessageRef, message), entry_id]
        )

    async def of_incident(self, number: int) -> tuple[Entry, ...]:
        """All of one incident, in order of time."""
        async with self._connection.cursor(row_factory=row_of(Entry)) as cursor:
            await cursor.execute("select * from entries where incident = %s order by at, id", [number])
            return tuple(await cursor.fetchall())

    async def edit(self, edit: EntryEdit) -> None:
        """Add what a person made of an entry; the same moment again says the same."""
        await self._connection.execute(
            """insert into entry_edits (incident, source, made_at, "by", text, at, dropped)
               values (%s, %s, %s, %s, %s, %s, %s)
               on conflict (incident, source, made_at) do update set "by" = excluded."by", text = excluded.text,
                   at = excluded.at, dropped = excluded.dropped""",
            [edit.incident, edit.source, edit.made_at, edit.by, edit.text, edit.at, edit.dropped],
        )

    async def edits(self, number: int) -> tuple[EntryEdit, ...]:
        """The last of each entry that says something, by source."""
        async with self._connection.cursor(row_factory=row_of(EntryEdit)) as cursor:
            await cursor.execute(
                """select distinct on (source) * from entry_edits where incident = %s
                   order by source, made_at desc""",
                [number],
            )
            return tuple([edit for edit in await cursor.fetchall() if not edit.says_nothing])

    async def redact(self, number: int, source: str) -> None:
        """Blank the entry and its edits."""
        await self._connection.execute(
            "update entries set text = '(redacted)' where incident = %s and id = %s", [number, source]
        )
        await self._connection.execute(
            "update entry_edits set text = '' where incident = %s and source = %s", [number, source]
        )
