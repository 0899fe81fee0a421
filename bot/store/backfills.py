"""Backfills of Slack's history, and the watermark that says when one is needed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString

from psycopg import AsyncConnection

from bot.core.backfills import Backfill, BackfillState
from bot.store.rows import dump, row_of


class Backfills:
    """Tables `backfills`, `recordings` (from when on a channel is recorded) and `receiving` (a row a replica)."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection

    async def record_from(self, channel: str, since: datetime) -> None:
        """An earlier moment stands."""
        await self._connection.execute(
            """insert into recordings (channel, since) values (%s, %s)
               on conflict (channel) do update set since = least(recordings.since, excluded.since)""",
            [channel, since],
        )

    async def recorded_from(self, channel: str) -> datetime | None:
        """Since when; what was declared before the bot kept that is recorded since it was declared."""
        return await self._moment(
            """select coalesce((select since from recordings where channel = %s),
                   (select min(opened_at) from incidents where channel = %s))""",
            [channel, channel],
        )

    async def recorded_channels(self, *, over_since: datetime) -> tuple[str, ...]:
        """Channels of incidents that are open or were until then, private ones too."""
        cursor = await self._connection.execute(
            """select distinct channel from incidents
               where (resolved_at is null or resolved_at >= %s) and channel not like 'D%%' order by channel""",
            [over_since],
        )
        return tuple([channel for (channel,) in await cursor.fetchall()])

    async def plan(self, backfill: Backfill) -> bool:
        """Store it, or widen the one that waits."""
        cursor = await self._connection.execute(
            """insert into backfills
                   (id, channel, since, until, floor, state, below, threads, after, seen, failures, why)
               values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
               on conflict (channel) where state = 'waiting' do update set
                   since = least(backfills.since, excluded.since),
                   until = greatest(backfills.until, excluded.until), floor = least(backfills.floor, excluded.floor)
               returning id""",
            [
                *(backfill.id, backfill.channel, backfill.since, backfill.until, backfill.floor, backfill.state.value),
                *(backfill.below, dump(tuple[str, ...], backfill.threads), backfill.after, backfill.seen),
                *(backfill.failures, backfill.why),
            ],
        )
        return await cursor.fetchone() == (backfill.id,)

    async def get(self, backfill_id: str) -> Backfill:
        """One backfill, which no other transaction widens or moves on meanwhile."""
        async with self._connection.cursor(row_factory=row_of(Backfill)) as cursor:
            await cursor.execute("select * from backfills where id = %s for update", [backfill_id])
            (backfill,) = await cursor.fetchall()
            return backfill

    async def save(self, backfill: Backfill) -> None:
        """Keep where it stands."""
        await self._connection.execute(
            """update backfills set until = %s, state = %s, below = %s, threads = %s, after = %s, seen = %s,
                   failures = %s, why = %s
               where id = %s and state in ('waiting', 'under way')""",
            [
                *(backfill.until, backfill.state.value, backfill.below, dump(tuple[str, ...], backfill.threads)),
                *(backfill.after, backfill.seen, backfill.failures, backfill.why, backfill.id),
            ],
        )

    async def make_good(self, backfill: Backfill) -> Sequence[str]:
        """Those that failed before, and whose span the pass went over."""
        cursor = await self._connection.execute(
            "delete from backfills where channel = %s and state = %s and since >= %s and until <= %s returning id",
            [backfill.channel, BackfillState.FAILED.value, backfill.floor, backfill.until],
        )
        return [backfill_id for (backfill_id,) in await cursor.fetchall()]

    async def beat(self, replica: str, *, at: datetime, after: datetime) -> bool:
        """Move the replica's mark on, unless it has been still for too long."""
        moved = await self._connection.execute(
            "update receiving set until = greatest(until, %s) where replica = %s and until >= %s", [at, replica, after]
        )
        return moved.rowcount == 1

    async def received_until(self) -> datetime | None:
        """The furthest mark of any replica."""
        return await self._moment("select max(until) from receiving", [])

    async def begin(self, replica: str, *, at: datetime) -> None:
        """Set the replica's mark; marks that nobody moves any more say nothing beside it."""
        await self._connection.execute(
            """insert into receiving (replica, until) values (%s, %s)
               on conflict (replica) do update set until = excluded.until""",
            [replica, at],
        )
        await self._connection.execute("delete from receiving where until < %s - interval '1 day'", [at])

    async def _moment(self, query: LiteralString, values: Sequence[object]) -> datetime | None:
        cursor = await self._connection.execute(query, values)
        row = await cursor.fetchone()
        moment: datetime | None = row[0] if row else None
        return moment
