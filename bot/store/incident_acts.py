"""What people do about incidents: moments, cycles, status updates, pages."""

from __future__ import annotations

from datetime import datetime
from typing import Any, LiteralString, TypeVar

from psycopg import AsyncConnection

from bot.core.errors import NotFound
from bot.core.incident_acts import REDACTED, Cycle, Paged, StatusUpdate, ToldMoment
from bot.core.ports import MessageRef
from bot.store.rows import dump, row_of

T = TypeVar("T")


class IncidentActs:
    """Tables `incident_moments`, `incident_cycles`, `incident_updates` and `incident_pages`."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection

    async def tell_moment(self, moment: ToldMoment) -> ToldMoment | None:
        """Store it in place of the former one of its cycle, which is returned."""
        m = moment
        former = await self._select(
            ToldMoment,
            "select * from incident_moments where incident = %s and kind = %s and cycle = %s",
            [m.incident, m.kind.value, m.cycle],
        )
        await self._connection.execute(
            """insert into incident_moments (incident, cycle, kind, at, "by", told_at) values (%s, %s, %s, %s, %s, %s)
               on conflict (incident, kind, cycle) do update
               set at = excluded.at, "by" = excluded.by, told_at = excluded.told_at""",
            [m.incident, m.cycle, m.kind.value, m.at, m.by, m.told_at],
        )
        return former[0] if former else None

    async def told_moments(self, incident: int) -> tuple[ToldMoment, ...]:
        """All of one incident, in the order of their cycles."""
        return await self._select(
            ToldMoment, "select * from incident_moments where incident = %s order by cycle, kind", [incident]
        )

    async def told_since(self, since: datetime) -> tuple[ToldMoment, ...]:
        """Those of all incidents that were opened since a moment."""
        return await self._select(
            ToldMoment,
            """select m.* from incident_moments m join incidents i on i.number = m.incident
               where i.opened_at >= %s order by m.incident, m.cycle, m.kind""",
            [since],
        )

    async def redact(self, incident: int, text: str) -> tuple[tuple[StatusUpdate, ...], bool]:
        """Blank what an entry of an update is, or another one ends with: that of a page begins with whom it called."""
        updates = await self._select(
            StatusUpdate,
            "update incident_updates set text = %s where incident = %s and text = %s returning *",
            [REDACTED, incident, text],
        )
        found = await self._connection.execute(
            """with said as (select %(text)s::text as said),
                pages as (update incident_pages set text = %(redacted)s from said
                    where incident = %(incident)s and text <> '' and right(said, length(text)) = text returning 1),
                cycles as (update incident_cycles set why = %(redacted)s from said
                    where incident = %(incident)s and why <> '' and right(said, length(why)) = why returning 1)
               select 1 from pages union all select 1 from cycles""",
            {"incident": incident, "text": text, "redacted": REDACTED},
        )
        return updates, await found.fetchone() is not None

    async def put_cycle(self, cycle: Cycle) -> None:
        """Store it, or its end."""
        c = cycle
        await self._connection.execute(
            """insert into incident_cycles (incident, cycle, began_at, began_by, why, resolved_at, resolved_by)
               values (%s, %s, %s, %s, %s, %s, %s) on conflict (incident, cycle) do update
               set resolved_at = excluded.resolved_at, resolved_by = excluded.resolved_by""",
            [c.incident, c.cycle, c.began_at, c.began_by, c.why, c.resolved_at, c.resolved_by],
        )

    async def cycles(self, incident: int) -> tuple[Cycle, ...]:
        """All of one incident, the first one first."""
        return await self._select(Cycle, "select * from incident_cycles where incident = %s order by cycle", [incident])

    async def add_update(self, update: StatusUpdate) -> None:
        """Store it."""
        u = update
        await self._connection.execute(
            """insert into incident_updates (id, incident, at, "by", text, next_at, announced)
               values (%s, %s, %s, %s, %s, %s, %s)""",
            [u.id, u.incident, u.at, u.by, u.text, u.next_at, list(u.announced)],
        )

    async def get_update(self, update_id: str) -> StatusUpdate:
        """One of them; `NotFound` when there is none."""
        found = await self._select(StatusUpdate, "select * from incident_updates where id = %s", [update_id])
        return _only(found, "There is no such update.")

    async def updates(self, incident: int, *, limit: int = 50) -> tuple[StatusUpdate, ...]:
        """The last ones, newest first."""
        return await self._select(
            StatusUpdate,
            "select * from incident_updates where incident = %s order by at desc, id limit %s",
            [incident, limit],
        )

    async def page(self, page: Paged) -> None:
        """Store it."""
        p = page
        await self._connection.execute(
            """insert into incident_pages
                   (id, incident, at, "by", whom, text, chain, target, place, answered_at, answered_by)
               values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
            [
                *(p.id, p.incident, p.at, p.by, p.whom, p.text, list(p.chain), p.target, p.place),
                *(p.answered_at, p.answered_by),
            ],
        )

    async def get_page(self, page_id: str) -> Paged:
        """One of them; `NotFound` when there is none."""
        found = await self._select(Paged, "select * from incident_pages where id = %s", [page_id])
        return _only(found, "There is no such page.")

    async def pages(self, incident: int) -> tuple[Paged, ...]:
        """All of one incident, oldest first."""
        return await self._select(Paged, "select * from incident_pages where incident = %s order by at, id", [incident])

    async def call_in(self, page_id: str, channel: str) -> str:
        """The channel where whose turn it is is called out: the first that is asked for."""
        found = await self._connection.execute(
            "update incident_pages set channel = coalesce(nullif(channel, ''), %s) where id = %s returning channel",
            [channel, page_id],
        )
        row = await found.fetchone()
        return str(row[0]) if row else channel

    async def add_page_message(self, page_id: str, message: MessageRef) -> None:
        """Remember one more message that tells of it."""
        await self._connection.execute(
            "update incident_pages set messages = messages || %s where id = %s and not messages @> %s",
            [one := dump(tuple[MessageRef, ...], (message,)), page_id, one],
        )

    async def answer_page(self, page_id: str, *, by: str, at: datetime) -> bool:
        """Compare and swap; False when it was answered before."""
        answered = await self._connection.execute(
            "update incident_pages set answered_by = %s, answered_at = %s where id = %s and answered_at is null",
            [by, at, page_id],
        )
        return answered.rowcount == 1

    async def pass_on(self, page_id: str, *, frm: int) -> bool:
        """Compare and swap to the next of the chain; False when it is answered, or has been passed on already."""
        passed = await self._connection.execute(
            """update incident_pages set place = place + 1, channel = ''
               where id = %s and place = %s and answered_at is null""",
            [page_id, frm],
        )
        return passed.rowcount == 1

    async def _select(self, kind: type[T], query: LiteralString, values: list[object]) -> tuple[T, ...]:
        async with self._connection.cursor(row_factory=row_of(kind)) as cursor:
            await cursor.execute(query, values)
            return tuple(await cursor.fetchall())


def _only(found: tuple[T, ...], otherwise: str) -> T:
    if not found:
        raise NotFound(otherwise)
    return found[0]
