"""The audit chain: each row carries an HMAC over itself and the row before, under a key from outside the database."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from psycopg import AsyncConnection

from bot.core.plan import Json
from bot.core.records import AuditRow
from bot.store.rows import clean


@dataclass(frozen=True, slots=True)
class Mark:
    """A row's place in the chain: what is published as the head, and what stands for rows that were pruned."""

    seq: int
    mac: str


START = Mark(0, "")


class Chain:
    """How rows are linked and marks are signed."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def link(self, previous: Mark, *, at: datetime, actor: str, kind: str, data: str) -> Mark:
        """The mark of the row that follows `previous`; `data` is the JSON text as it is stored."""
        seq = previous.seq + 1
        moment = at.astimezone(UTC).isoformat(timespec="microseconds")
        return Mark(seq, self._mac("row", previous.mac, seq, moment, actor, kind, data))

    def sign(self, name: str, mark: Mark) -> str:
        """What proves that a stored mark was set by somebody with the key."""
        return self._mac("mark", name, mark.seq, mark.mac)

    def _mac(self, *parts: str | int) -> str:
        # JSON keeps the parts apart: no text can be moved from one column to the next under the same MAC.
        return hmac.new(self._key, json.dumps(parts).encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class _Draft:
    at: datetime
    actor: str
    kind: str
    data: str


class Audit:
    """Table `audit`, in which rows are only added, and `audit_marks`, which has the signed head of the chain."""

    def __init__(self, connection: AsyncConnection[Any], chain: Chain) -> None:
        self._connection = connection
        self._chain = chain
        self._drafts: list[_Draft] = []

    async def append(self, *, at: datetime, actor: str, kind: str, data: Json) -> None:
        """Add a row when the transaction commits."""
        text = json.dumps(data, sort_keys=True, separators=(",", ":"))
        self._drafts.append(_Draft(at, clean(actor), clean(kind), text))

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

    async def flush(self) -> None:
        """Link what was appended: last in its transaction, because from here on nobody else can until it commits."""
        if not self._drafts:
            return
        mark = await self._lock_head()
        marks = []
        for draft in self._drafts:
            mark = self._chain.link(mark, at=draft.at, actor=draft.actor, kind=draft.kind, data=draft.data)
            marks.append(mark)
        await self._insert(self._drafts, marks)
        self._drafts = []

    async def _lock_head(self) -> Mark:
        select = "select seq, mac from audit_marks where name = 'head' for update"
        row = await (await self._connection.execute(select)).fetchone()
        assert row is not None
        return Mark(*row)

    async def _insert(self, drafts: Sequence[_Draft], marks: Sequence[Mark]) -> None:
        head = marks[-1]
        await self._connection.execute(
            """with added as (
                   insert into audit (seq, at, actor, kind, data, mac)
                   select * from unnest(%s::bigint[], %s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::text[]))
               update audit_marks set seq = %s, mac = %s, signature = %s where name = 'head'""",
            [
                *([m.seq for m in marks], [d.at for d in drafts], [d.actor for d in drafts], [d.kind for d in drafts]),
                *([d.data for d in drafts], [m.mac for m in marks]),
                *(head.seq, head.mac, self._chain.sign("head", head)),
            ],
        )
