"""What the workers of services have counted."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

from bot.core.tallies import Counted, Tally
from bot.store.rows import dump, row_of


class Tallies:
    """Table `tallies`, a row for each look at a service."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection

    async def add(self, tally: Tally) -> None:
        """Remember a look; of two at the same moment the first."""
        await self._connection.execute(
            "insert into tallies (service, at, workers) values (%s, %s, %s) on conflict do nothing",
            [tally.service, tally.at, dump(tuple[Counted, ...], tally.workers)],
        )

    async def series(self, service: str, *, since: datetime, until: datetime) -> tuple[Tally, ...]:
        """All of a span, oldest first."""
        async with self._connection.cursor(row_factory=row_of(Tally)) as cursor:
            await cursor.execute(
                "select * from tallies where service = %s and at >= %s and at < %s order by at",
                [service, since, until],
            )
            return tuple(await cursor.fetchall())

    async def prune(self, *, before: datetime) -> None:
        """Forget what is older."""
        await self._connection.execute("delete from tallies where at < %s", [before])
