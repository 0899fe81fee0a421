"""The audit log: rows that are only ever added, linked into a chain."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

from bot.core.plan import Json
from bot.core.records import AuditRow
from bot.store.chain import START, Chain, Draft, Mark
from bot.store.rows import clean


class Audit:
    """Table `audit`, and `audit_marks` with the signed head of the chain and the checkpoint where it begins."""

    def __init__(self, connection: AsyncConnection[Any], chain: Chain) -> None:
        self._connection = connection
        self._chain = chain
        self._drafts: list[Draft] = []

    async def append(self, *, at: datetime, actor: str, kind: str, data: Json) -> None:
        """Add a row when the transaction commits."""
        text = json.dumps(data, sort_keys=True, separators=(",", ":"))
        self._drafts.append(Draft(at, clean(actor), clean(kind), text))

    async def head(self) -> AuditRow | None:
        """The newest committed row."""
        rows = await self.recent(limit=1)
        return rows[0] if rows else None

    async def recent(self, *, limit: int = 50) -> tuple[AuditRow, ...]:
        """The newest committed rows, newest first."""
        found = await self._connection.execute(
            "select seq, at, actor, kind, data, mac from audit order by seq desc limit %s", [limit]
        )
        rows = await found.fetchall()
        return tuple(AuditRow(seq, at, actor, kind, json.loads(data), mac) for seq, at, actor, kind, data, mac in rows)

    async def prune(self, *, before: datetime) -> None:
        """Drop rows older than a moment and leave a signed checkpoint; `Conflict` when they have been tampered with."""
        head = await self._mark("head")
        found = await self._connection.execute(
            """select seq, mac, at, actor, kind, data from audit
               where seq < coalesce((select min(seq) from audit where at >= %s), %s) order by seq""",
            [before, head.seq + 1],
        )
        rows = [(Mark(seq, mac), Draft(*draft)) for seq, mac, *draft in await found.fetchall()]
        marks = list(self._chain.follow(await self._mark("checkpoint"), rows))
        if marks:
            await self._connection.execute("delete from audit where seq <= %s", [marks[-1].seq])
            await self._set_mark("checkpoint", marks[-1])

    async def flush(self) -> None:
        """Link what was appended: last in its transaction, for from here on nobody else can until it has ended."""
        if not self._drafts:
            return
        mark = await self._mark("head")
        marks = [mark := self._chain.link(mark, draft) for draft in self._drafts]
        await self._connection.execute(
            """insert into audit (seq, mac, at, actor, kind, data)
               select * from unnest(%b::bigint[], %b::text[], %b::timestamptz[], %b::text[], %b::text[], %b::text[])""",
            [[mark.seq for mark in marks], [mark.mac for mark in marks], *map(list, zip(*self._drafts, strict=True))],
        )
        await self._set_mark("head", mark)
        self._drafts = []

    async def _mark(self, name: str) -> Mark:
        """The mark of that name, locked until the transaction ends."""
        found = await self._connection.execute("select seq, mac from audit_marks where name = %s for update", [name])
        row = await found.fetchone()
        return Mark(*row) if row else START

    async def _set_mark(self, name: str, mark: Mark) -> None:
        await self._connection.execute(
            """insert into audit_marks (name, seq, mac, signature) values (%s, %s, %s, %s)
               on conflict (name) do update
               set seq = excluded.seq, mac = excluded.mac, signature = excluded.signature""",
            [name, mark.seq, mark.mac, self._chain.sign(name, mark)],
        )
