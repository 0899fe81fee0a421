"""Incidents, numbered from 1 without a gap."""

from __future__ import annotations

from datetime import datetime
from typing import Any, LiteralString

from psycopg import AsyncConnection

from bot.core.errors import Conflict, NotFound
from bot.core.incidents import Incident
from bot.core.ports import MessageRef
from bot.store.rows import dump, row_of


class Incidents:
    """Table `incidents`."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection

    async def declare(self, incident: Incident) -> Incident:
        """Store it under the next number, which replaces the one given."""
        # A sequence would leave a gap at each rollback; whoever declares at the same moment waits for our commit.
        await self._connection.execute("lock table incidents in share row exclusive mode")
        i = incident
        async with self._connection.cursor(row_factory=row_of(Incident)) as cursor:
            await cursor.execute(
                """insert into incidents (number, title, severity, state, channel, commander, opened_by, opened_at,
                       resolved_at, resolved_by, impact, services, card, private, acknowledged_at, update_due_at,
                       recorded_from)
                    select coalesce(max(number), 0) + 1, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s
                    from incidents returning *""",
                [
                    *(i.title, i.severity, i.state, i.channel, i.commander, i.opened_by, i.opened_at, i.resolved_at),
                    *(i.resolved_by, i.impact, list(i.services), dump(MessageRef, i.card) if i.card else None),
                    *(i.private, i.acknowledged_at, i.update_due_at, i.recorded_from),
                ],
            )
            (declared,) = await cursor.fetchall()
            return declared

    async def get(self, number: int) -> Incident:
        """One incident; `NotFound` when there is none."""
        incidents = await self._select("select * from incidents where number = %s", [number])
        if not incidents:
            raise NotFound(f"There is no incident {number}.")
        return incidents[0]

    async def in_channel(self, channel: str) -> Incident | None:
        """The newest incident of a channel; one that has none yet is in no place that has none."""
        incidents = await self._select(
            "select * from incidents where channel = %s and channel <> '' order by number desc limit 1", [channel]
        )
        return incidents[0] if incidents else None

    async def first_in_channel(self, channel: str) -> int:
        """The number of the oldest incident of a channel, 0 when it has none."""
        cursor = await self._connection.execute("select min(number) from incidents where channel = %s", [channel])
        row = await cursor.fetchone()
        return (row and row[0]) or 0

    async def open(self) -> tuple[Incident, ...]:
        """Those that are not resolved and no secret, oldest first."""
        return await self._select("select * from incidents where state = 'open' and not private order by number", [])

    async def lasting(self, *, since: datetime) -> tuple[Incident, ...]:
        """Those that are open or were until `since`, private ones too: for what no one reads, and figures alone."""
        return await self._select(
            "select * from incidents where state = 'open' or resolved_at >= %s order by number", [since]
        )

    async def past(self, *, since: datetime | None = None, limit: int = 500) -> tuple[Incident, ...]:
        """Those that are no secret, open ones among them, opened since a moment; newest first."""
        return await self._select(
            """select * from incidents where not private and opened_at >= coalesce(%s, opened_at)
               order by number desc limit %s""",
            [since, limit],
        )

    async def save(self, incident: Incident) -> Incident:
        """Write it as it is now, and return it with its next version; `Conflict` when it has changed since."""
        i = incident
        saved = await self._select(
            """update incidents set title = %s, severity = %s, state = %s, impact = %s, services = %s, commander = %s,
                   scribe = %s, communications = %s, cycle = %s, acknowledged_at = %s, resolved_at = %s,
                   resolved_by = %s, closed_at = %s, closed_by = %s, update_due_at = %s, version = version + 1
               where number = %s and version = %s returning *""",
            [
                *(i.title, i.severity, i.state, i.impact, list(i.services), i.commander, i.scribe, i.communications),
                *(i.cycle, i.acknowledged_at, i.resolved_at, i.resolved_by, i.closed_at, i.closed_by, i.update_due_at),
                *(i.number, i.version),
            ],
        )
        if not saved:
            raise Conflict(
                f"Incident {i.number} was changed by somebody else just now.", hint="Look at it and try again."
            )
        return saved[0]

    async def set_channel(self, number: int, channel: str, *, own: bool) -> None:
        """Remember the channel that it is run in; `own` says that it was made for it."""
        await self._connection.execute(
            "update incidents set channel = %s, own_channel = %s where number = %s", [channel, own, number]
        )

    async def set_card(self, number: int, card: MessageRef) -> None:
        """Remember where the pinned summary is."""
        await self._connection.execute(
            "update incidents set card = %s where number = %s", [dump(MessageRef, card), number]
        )

    async def _select(self, query: LiteralString, values: list[object]) -> tuple[Incident, ...]:
        async with self._connection.cursor(row_factory=row_of(Incident)) as cursor:
            await cursor.execute(query, values)
            return tuple(await cursor.fetchall())


async def private_channels(connection: AsyncConnection[Any]) -> frozenset[str]:
    """Channels that have had a private incident."""
    found = await connection.execute("select channel from incidents where private")
    return frozenset(channel for (channel,) in await found.fetchall())
