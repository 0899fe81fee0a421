"""Leases, and the due row that ends each in time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, LiteralString

from psycopg import AsyncConnection

from bot.core.errors import NotFound
from bot.core.incidents import UNTOLD
from bot.core.plan import Call
from bot.core.records import Due, Lease
from bot.store.due import DueRows
from bot.store.incidents import private_channels
from bot.store.rows import dump, row_of

_DUE = "lease_end"


class Leases:
    """Table `leases`; one is open at most for each (kind, target, owner)."""

    def __init__(self, connection: AsyncConnection[Any], due: DueRows) -> None:
        self._connection = connection
        self._due = due

    async def open(self, lease: Lease) -> None:
        """Open it in place of an open one of the same (kind, target, owner), with its due row when it has an end."""
        replaced = await self._connection.execute(
            """update leases set ended_at = %s, ended_by = %s
               where kind = %s and target = %s and owner = %s and ended_at is null returning id""",
            [lease.since, lease.by, lease.kind, lease.target, lease.owner],
        )
        for (lease_id,) in await replaced.fetchall():
            await self._due.drop(_DUE, lease_id)
        await self._connection.execute(
            """insert into leases (id, kind, target, service, owner, "by", reason, channel, operation_id, inverse,
                   since, until, ended_at, ended_by) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
            [
                *(lease.id, lease.kind, lease.target, lease.service, lease.owner, lease.by, lease.reason),
                *(lease.channel, lease.operation_id, dump(Call, lease.inverse), lease.since, lease.until),
                *(lease.ended_at, lease.ended_by),
            ],
        )
        if lease.until is not None:
            await self._due.put(Due(_DUE, lease.id, lease.until, {"lease_id": lease.id}))

    async def end(self, lease_id: str, *, at: datetime, by: str) -> bool:
        """End it and drop its due row; False when it was not open."""
        ended = await self._connection.execute(
            "update leases set ended_at = %s, ended_by = %s where id = %s and ended_at is null", [at, by, lease_id]
        )
        await self._due.drop(_DUE, lease_id)
        return ended.rowcount == 1

    async def get(self, lease_id: str) -> Lease:
        """One lease, open or ended; `NotFound` when there is none."""
        leases = await self._select("select * from leases where id = %s", [lease_id])
        if not leases:
            raise NotFound(f"There is no lease {lease_id}.", hint="`active` lists the open ones.")
        return leases[0]

    async def lock(self, lease_id: str) -> Lease:
        """The same, which nobody else locks or ends before this transaction does."""
        await self._connection.execute("select from leases where id = %s for update", [lease_id])
        return await self.get(lease_id)

    async def active(self, *, service: str = "", kind: str = "") -> tuple[Lease, ...]:
        """The open ones, oldest first, of one service or kind or of all.

        Without the reasons that were typed in channels of private incidents: lists are for all.
        """
        found = await self._select(
            """select * from leases where ended_at is null and %s in ('', service) and %s in ('', kind)
               order by since, id""",
            [service, kind],
        )
        private = await private_channels(self._connection)
        return tuple(
            replace(each, reason=UNTOLD) if each.reason and each.channel in private else each for each in found
        )

    async def _select(self, query: LiteralString, values: list[object]) -> tuple[Lease, ...]:
        async with self._connection.cursor(row_factory=row_of(Lease)) as cursor:
            await cursor.execute(query, values)
            return tuple(await cursor.fetchall())
