"""Reactions, pins and shortcuts: added only, and put together when they are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import AsyncConnection

from bot.core.marks import Mark
from bot.store.rows import row_of


class Marks:
    """Table `marks`; in `whose` nobody has a pin, which is the channel's, and a reaction its user."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection

    async def add(self, marks: Sequence[Mark]) -> None:
        """Store what is new; what an event told stands over what was noticed at the same moment."""
        told: dict[tuple[str, ...], Mark] = {}
        for mark in sorted(marks, key=lambda m: m.noticed):
            told.setdefault((mark.channel, mark.ts, mark.kind, mark.name, mark.user, mark.event_ts), mark)
        rows = [told[key] for key in sorted(told)]
        await self._connection.execute(
            """insert into marks (channel, ts, kind, name, "user", event_ts, added, noticed)
               select * from unnest(%b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[],
                   %b::boolean[], %b::boolean[])
               on conflict (channel, ts, kind, name, "user", event_ts) do update
                   set added = excluded.added, noticed = false where marks.noticed and not excluded.noticed""",
            [
                *([m.channel for m in rows], [m.ts for m in rows], [m.kind.value for m in rows]),
                *([m.name for m in rows], [m.user for m in rows], [m.event_ts for m in rows]),
                *([m.added for m in rows], [m.noticed for m in rows]),
            ],
        )

    async def of_channel(self, channel: str) -> tuple[Mark, ...]:
        """All of a channel; what was noticed is left out where an event that came late tells the same."""
        async with self._connection.cursor(row_factory=row_of(Mark)) as cursor:
            await cursor.execute(
                """select channel, ts, kind, name, "user", event_ts, added, noticed from (
                       select *, lag(added) over one as before,
                           lead(added) over one as after, lead(noticed) over one as guess
                       from marks where channel = %s
                       window one as (partition by ts, kind, name, whose order by event_ts, noticed)) told
                   where not noticed
                       or before is distinct from added and (guess or after is distinct from added)
                   order by event_ts, ts, kind, name, "user" """,
                [channel],
            )
            return tuple(await cursor.fetchall())

    async def standing(self, channel: str, *, first: str = "", last: str = "~") -> tuple[Mark, ...]:
        """The newest word on each mark, where that is not its removal."""
        async with self._connection.cursor(row_factory=row_of(Mark)) as cursor:
            await cursor.execute(
                """select channel, ts, kind, name, "user", event_ts, added, noticed from (
                       select distinct on (ts, kind, name, whose) * from marks
                       where channel = %s and ts between %s and %s
                       order by ts, kind, name, whose, event_ts desc, noticed) newest
                   where added order by ts, event_ts, "user" """,
                [channel, first, last],
            )
            return tuple(await cursor.fetchall())
