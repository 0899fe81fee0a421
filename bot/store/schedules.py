"""Digests that people asked for in Slack, and those that pause."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg import AsyncConnection

from bot.core.schedules import Pause, ScheduleRow
from bot.store.rows import row_of


class Schedules:
    """Tables `schedules` and `schedule_pauses`."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection

    async def all(self) -> tuple[ScheduleRow, ...]:
        """Every one, by name."""
        async with self._connection.cursor(row_factory=row_of(ScheduleRow)) as cursor:
            await cursor.execute("select * from schedules order by name")
            return tuple(await cursor.fetchall())

    async def add(self, row: ScheduleRow) -> bool:
        """False when there is one of this name."""
        r = row
        added = await self._connection.execute(
            """insert into schedules
                   (name, channel, service, "when", zone, grace, template, skips_holidays, quiet, by)
               values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing""",
            [
                *(r.name, r.channel, r.service, r.when, r.zone, r.grace),
                *(r.template.value, r.skips_holidays, r.quiet, r.by),
            ],
        )
        return added.rowcount == 1

    async def remove(self, name: str) -> bool:
        """Forget it with its pause; False when there is none."""
        await self.resume(name)
        removed = await self._connection.execute("delete from schedules where name = %s", [name])
        return removed.rowcount == 1

    async def pauses(self) -> Mapping[str, Pause]:
        """Those that rest, by the schedule's name."""
        async with self._connection.cursor(row_factory=row_of(Pause)) as cursor:
            await cursor.execute("select schedule, by, at from schedule_pauses")
            return {pause.schedule: pause for pause in await cursor.fetchall()}

    async def pause(self, pause: Pause) -> bool:
        """False when it rests already."""
        paused = await self._connection.execute(
            "insert into schedule_pauses (schedule, by, at) values (%s, %s, %s) on conflict do nothing",
            [pause.schedule, pause.by, pause.at],
        )
        return paused.rowcount == 1

    async def resume(self, name: str) -> bool:
        """False when it does not rest."""
        resumed = await self._connection.execute("delete from schedule_pauses where schedule = %s", [name])
        return resumed.rowcount == 1
