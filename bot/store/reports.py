"""Reports of incidents: every version, and the messages that show the last one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

from bot.core.ports import MessageRef
from bot.core.reports import Claim, Publication, Revision, Version, Written
from bot.store.rows import dump, load, row_of


class Reports:
    """Tables `reports`, `report_pages` and `report_publications`."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection

    async def add(self, version: Version) -> bool:
        """Store it; False when its number is taken, because somebody else was first."""
        v = version
        added = await self._connection.execute(
            """insert into reports (incident, number, at, by, what, final, sections, links)
               values (%s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing""",
            [
                *(v.incident, v.number, v.at, v.by, v.what, v.final),
                *(dump(tuple[Written, ...], v.sections), dump(tuple[tuple[str, str], ...], v.links)),
            ],
        )
        return added.rowcount == 1

    async def get(self, incident: int, number: int = 0) -> Version | None:
        """One version, the last where no number is given."""
        async with self._connection.cursor(row_factory=row_of(Version)) as cursor:
            await cursor.execute(
                """select * from reports where incident = %s and (number = %s or %s = 0)
                   order by number desc limit 1""",
                [incident, number, number],
            )
            return await cursor.fetchone()

    async def revisions(self, incident: int) -> tuple[Revision, ...]:
        """All of them, the first one first."""
        async with self._connection.cursor(row_factory=row_of(Revision)) as cursor:
            await cursor.execute(
                "select number, at, by, what, final from reports where incident = %s order by number", [incident]
            )
            return tuple(await cursor.fetchall())

    async def gone(self, incident: int) -> frozenset[str]:
        """Keys of the messages in the incident's channel that were deleted or redacted since they were said."""
        found = await self._connection.execute(
            """select ts from changes where text is null
                   and channel = (select channel from incidents where number = %s)
               union select ts from redactions where channel = (select channel from incidents where number = %s)""",
            [incident, incident],
        )
        return frozenset(ts for (ts,) in await found.fetchall())

    async def purge(self, incident: int, key: str) -> None:
        """Take what rests on `key` out of every version, and out of the tasks that nobody changed, for good.

        Publications of the versions that it stood in are stale then.
        """
        await self._connection.execute(
            "delete from tasks where incident = %s and not edited and source ? %s", [incident, key]
        )
        found = await self._connection.execute("select number, sections from reports where incident = %s", [incident])
        for number, stored in await found.fetchall():
            sections = load(tuple[Written, ...], stored)
            kept = tuple(each.without({key}) for each in sections)
            if kept != sections:
                await self._connection.execute(
                    "update reports set sections = %s where incident = %s and number = %s",
                    [dump(tuple[Written, ...], kept), incident, number],
                )
                await self._connection.execute(
                    "update report_publications set stale = true where incident = %s and version = %s",
                    [incident, number],
                )

    async def publish(self, publication: Publication) -> None:
        """Remember a copy, or what became of it."""
        p = publication
        await self._connection.execute(
            """insert into report_publications (id, incident, version, kind, name, channel, thread, ref, stale)
               values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
               on conflict (id) do update set ref = excluded.ref,
                   stale = report_publications.stale or excluded.stale""",
            [p.id, p.incident, p.version, p.kind, p.name, p.channel, p.thread, p.ref, p.stale],
        )

    async def withdraw(self, publication: Publication) -> None:
        """Forget a copy, because it is gone."""
        await self._connection.execute("delete from report_publications where id = %s", [publication.id])

    async def stale(self, incident: int) -> tuple[Publication, ...]:
        """Copies that may still have what was taken out, in the order of their versions."""
        async with self._connection.cursor(row_factory=row_of(Publication)) as cursor:
            await cursor.execute(
                "select * from report_publications where incident = %s and stale order by version, id", [incident]
            )
            return tuple(await cursor.fetchall())

    async def claim(self, incident: int, page: str, *, at: datetime, lost_before: datetime) -> Claim:
        """Claim the posting of a page, also in place of a claim from before `lost_before` that led to no message."""
        first = await self._connection.execute(
            "insert into report_pages (incident, page, claimed_at) values (%s, %s, %s) on conflict do nothing",
            [incident, page, at],
        )
        if first.rowcount:
            return Claim.FIRST
        successor = await self._connection.execute(
            """update report_pages set claimed_at = %s
               where incident = %s and page = %s and message is null and claimed_at < %s""",
            [at, incident, page, lost_before],
        )
        return Claim.SUCCESSOR if successor.rowcount else Claim.TAKEN

    async def show(self, incident: int, page: str, message: MessageRef) -> None:
        """Remember the message that shows a page."""
        await self._connection.execute(
            "update report_pages set message = %s where incident = %s and page = %s",
            [dump(MessageRef, message), incident, page],
        )

    async def lose(self, incident: int, page: str, message: MessageRef | None) -> None:
        """Forget the message of a page, because somebody deleted it; None gives a claim back that led to none."""
        await self._connection.execute(
            "delete from report_pages where incident = %s and page = %s and message is not distinct from %s",
            [incident, page, dump(MessageRef, message) if message else None],
        )

    async def shown(self, incident: int) -> dict[str, MessageRef]:
        """The messages that show the report, by page."""
        found = await self._connection.execute(
            "select page, message from report_pages where incident = %s and message is not null", [incident]
        )
        return {page: load(MessageRef, message) for page, message in await found.fetchall()}
