"""Checklists and their items."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

from bot.core.checklists import ChecklistRow, ItemRow
from bot.core.errors import NotFound
from bot.core.plan import Json
from bot.core.results import ChecklistState
from bot.store.rows import clean, dump, row_of


class Checklists:
    """Tables `checklists` and `checklist_items`."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection

    async def open(self, row: ChecklistRow, items: Sequence[ItemRow]) -> None:
        """Store it; `Conflict` when one is open already."""
        r = row
        await self._connection.execute(
            """insert into checklists
                   (id, kind, service, subject, state, data, channel, opened_by, opened_at, ended_by, ended_at)
               values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
            [
                *(r.id, r.kind, r.service, r.subject, r.state.value, dump(Json, r.data)),
                *(r.channel, r.opened_by, r.opened_at, r.ended_by, r.ended_at),
            ],
        )
        for item in items:
            await self.add(item)

    async def add(self, item: ItemRow) -> None:
        """Put one more into a checklist that is open."""
        i = item
        await self._connection.execute(
            """insert into checklist_items (id, checklist_id, number, name, done_by, done_at, evidence, owner)
               values (%s, %s, %s, %s, %s, %s, %s, %s)""",
            [i.id, i.checklist_id, i.number, i.name, i.done_by, i.done_at, clean(i.evidence), clean(i.owner)],
        )

    async def get(self, checklist_id: str) -> ChecklistRow:
        """One checklist; `NotFound` when there is none."""
        async with self._connection.cursor(row_factory=row_of(ChecklistRow)) as cursor:
            await cursor.execute("select * from checklists where id = %s", [checklist_id])
            row = await cursor.fetchone()
        if row is None:
            raise NotFound("There is no such checklist any more.", hint="Type the command again.")
        return row

    async def opened(self, *, kind: str, service: str) -> tuple[ChecklistRow, ...]:
        """Those of one kind that are open, the oldest first."""
        async with self._connection.cursor(row_factory=row_of(ChecklistRow)) as cursor:
            await cursor.execute(
                "select * from checklists where kind = %s and service = %s and state = 'open' order by opened_at",
                [kind, service],
            )
            return tuple(await cursor.fetchall())

    async def items(self, checklist_id: str) -> tuple[ItemRow, ...]:
        """All of them, in their order."""
        async with self._connection.cursor(row_factory=row_of(ItemRow)) as cursor:
            await cursor.execute(
                "select * from checklist_items where checklist_id = %s order by number", [checklist_id]
            )
            return tuple(await cursor.fetchall())

    async def item(self, item_id: str) -> ItemRow:
        """One item; `NotFound` when there is none."""
        async with self._connection.cursor(row_factory=row_of(ItemRow)) as cursor:
            await cursor.execute("select * from checklist_items where id = %s", [item_id])
            item = await cursor.fetchone()
        if item is None:
            raise NotFound("There is no such item any more.", hint="Type the command again.")
        return item

    async def tick(self, item_id: str, *, by: str, at: datetime, evidence: str) -> bool:
        """Compare and swap; False when it was done before, or its checklist is not open any more."""
        ticked = await self._connection.execute(
            """update checklist_items i set done_by = %s, done_at = %s, evidence = %s from checklists c
               where i.id = %s and i.done_at is null and c.id = i.checklist_id and c.state = 'open'""",
            [by, at, evidence, item_id],
        )
        return ticked.rowcount == 1

    async def own(self, item_id: str, *, owner: str) -> None:
        """Say whose an item is."""
        await self._connection.execute("update checklist_items set owner = %s where id = %s", [clean(owner), item_id])

    async def untick(self, item_id: str) -> None:
        """What was observed is not so any more."""
        await self._connection.execute(
            "update checklist_items set done_by = '', done_at = null, evidence = '' where id = %s", [item_id]
        )

    async def end(self, checklist_id: str, state: ChecklistState, *, by: str, at: datetime) -> bool:
        """Compare and swap from open; False when it was not."""
        ended = await self._connection.execute(
            "update checklists set state = %s, ended_by = %s, ended_at = %s where id = %s and state = 'open'",
            [state.value, by, at, checklist_id],
        )
        return ended.rowcount == 1
