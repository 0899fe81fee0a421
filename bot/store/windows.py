"""Planned maintenance windows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

from bot.core.errors import NotFound
from bot.core.windows import Window, WindowState
from bot.store.rows import row_of


class Windows:
    """Table `windows`."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection

    async def book(self, window: Window) -> None:
        """Store it; a second time changes nothing."""
        w = window
        await self._connection.execute(
            """insert into windows (id, service, channel, "by", title, start, ends, recipients, state,
                   operation_id, began_at, ended_at) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
               on conflict do nothing""",
            [
                *(w.id, w.service, w.channel, w.by, w.title, w.start, w.ends, w.recipients, w.state, w.operation_id),
                *(w.began_at, w.ended_at),
            ],
        )

    async def get(self, window_id: str) -> Window:
        """One window; `NotFound` when there is none."""
        async with self._connection.cursor(row_factory=row_of(Window)) as cursor:
            await cursor.execute("select * from windows where id = %s", [window_id])
            window = await cursor.fetchone()
        if window is None:
            raise NotFound(f"There is no window {window_id}.", hint="`maintenance window` lists them.")
        return window

    async def of_service(self, service: str, *, limit: int = 50) -> tuple[Window, ...]:
        """The windows of one service, or of all, the latest start first."""
        async with self._connection.cursor(row_factory=row_of(Window)) as cursor:
            await cursor.execute(
                "select * from windows where %s in ('', service) order by start desc, id limit %s", [service, limit]
            )
            return tuple(await cursor.fetchall())

    async def move(
        self, window_id: str, *, to: WindowState, frm: Sequence[WindowState], at: datetime, operation_id: str = ""
    ) -> bool:
        """Compare and swap of the state, with the moment of its beginning or end."""
        done = await self._connection.execute(
            """update windows set state = %(to)s, operation_id = coalesce(nullif(%(operation)s, ''), operation_id),
                   began_at = case when %(to)s = %(begins)s then %(at)s else began_at end,
                   ended_at = case when %(to)s = %(ends)s then %(at)s else ended_at end
               where id = %(id)s and state = any(%(frm)s)""",
            {
                "id": window_id,
                "to": to,
                "frm": list(frm),
                "at": at,
                "operation": operation_id,
                "begins": WindowState.BEGINNING,
                "ends": WindowState.ENDED,
            },
        )
        return done.rowcount == 1
