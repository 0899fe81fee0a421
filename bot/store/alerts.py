"""Alerts of other systems, their groups, and what is silenced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, LiteralString

from psycopg import AsyncConnection

from bot.core.alerts import WATCH, Alert, AlertGroup, AlertRow, GroupView, Silence
from bot.core.automation import Case
from bot.core.errors import NotFound
from bot.core.ports import MessageRef
from bot.store.automation import Automation
from bot.store.rows import dump, row_of

SHOW_EVERY = timedelta(seconds=3)
"""The least time between two changes of a message."""

_INTAKE = 0x616C65727473  # "alerts"

_LOST = timedelta(minutes=5)
"""After this a look that was due is not waited for any more: whoever had it is gone."""


class Alerts:
    """Tables `alerts`, `alert_groups` and `alert_silences`."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection

    async def lock(self) -> None:
        """Keep every other intake out until this transaction ends."""
        await self._connection.execute("select pg_advisory_xact_lock(%s)", [_INTAKE])

    async def latest(self, alerts: Sequence[Alert]) -> Mapping[tuple[str, str], AlertRow]:
        """The last row of each alert that has one, by source and fingerprint."""
        async with self._connection.cursor(row_factory=row_of(AlertRow)) as cursor:
            await cursor.execute(
                """select last.* from unnest(%s::text[], %s::text[]) as told (source, fingerprint)
                   cross join lateral (
                       select * from alerts where alerts.source = told.source and alerts.fingerprint = told.fingerprint
                       order by told_at desc, ended_at desc nulls first limit 1) as last""",
                [[each.source for each in alerts], [each.fingerprint for each in alerts]],
            )
            return {(row.source, row.fingerprint): row for row in await cursor.fetchall()}

    async def groups(self, alerts: Sequence[Alert], *, ended_after: datetime) -> Mapping[tuple[str, str], AlertGroup]:
        """Groups by source and key that are open, or were resolved after that moment."""
        found = await self._groups(
            """select distinct on (source, key) * from alert_groups
               where (resolved_at is null or resolved_at > %s)
                   and (source, key) in (select * from unnest(%s::text[], %s::text[]))
               order by source, key, opened_at desc""",
            [ended_after, [each.source for each in alerts], [each.group for each in alerts]],
        )
        return {(group.source, group.key): group for group in found}

    async def opened(self, *, after: datetime) -> Mapping[str, int]:
        """How many groups were opened after that moment, by channel."""
        counted = await self._connection.execute(
            "select channel, count(*) from alert_groups where opened_at > %s group by channel", [after]
        )
        return dict(await counted.fetchall())

    async def add_groups(self, groups: Sequence[AlertGroup]) -> None:
        """Store new groups."""
        async with self._connection.cursor() as cursor:
            await cursor.executemany(
                """insert into alert_groups (id, source, key, title, channel, opened_at, acknowledged_by, version)
                   values (%s, %s, %s, %s, %s, %s, '', 0)""",
                [(each.id, each.source, each.key, each.title, each.channel, each.opened_at) for each in groups],
            )

    async def add(self, rows: Sequence[AlertRow]) -> None:
        """Store new rows."""
        async with self._connection.cursor() as cursor:
            await cursor.executemany(
                """insert into alerts (id, group_id, source, fingerprint, title, level, started_at, told_at, ended_at,
                       times, text, url, labels, acknowledged_by)
                   values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
                [
                    [
                        *(row.id, row.group_id, row.source, row.fingerprint, row.title, row.level.value),
                        *(row.started_at, row.told_at, row.ended_at, row.times, row.text, row.url),
                        *(dump(Mapping[str, str], row.labels), row.acknowledged_by),
                    ]
                    for row in rows
                ],
            )

    async def renew(self, rows: Sequence[AlertRow]) -> None:
        """Write what may change of rows that are there."""
        async with self._connection.cursor() as cursor:
            await cursor.executemany(
                """update alerts set title = %s, level = %s, started_at = %s, told_at = %s, ended_at = %s, times = %s,
                       text = %s, url = %s, labels = %s, acknowledged_by = %s where id = %s""",
                [
                    [
                        *(row.title, row.level.value, row.started_at, row.told_at, row.ended_at, row.times, row.text),
                        *(row.url, dump(Mapping[str, str], row.labels), row.acknowledged_by, row.id),
                    ]
                    for row in rows
                ],
            )

    async def settle(self, group_ids: Sequence[str], *, at: datetime) -> None:
        """Resolve the groups of which nothing fires, and open those again of which something does."""
        await self._connection.execute(
            """with fires as (
                   select id, exists (select from alerts where group_id = alert_groups.id and ended_at is null) as any
                   from alert_groups where id = any(%s))
               update alert_groups set
                   resolved_at = case when fires.any then null else coalesce(resolved_at, %s) end,
                   acknowledged_by = case when fires.any and resolved_at is not null then '' else acknowledged_by end,
                   acknowledged_at = case when not fires.any or resolved_at is null then acknowledged_at end,
                   source_said = case when fires.any and resolved_at is not null then '' else source_said end
               from fires where fires.id = alert_groups.id""",
            [list(group_ids), at],
        )

    async def touch(self, group_ids: Sequence[str], *, at: datetime) -> Sequence[AlertGroup]:
        """Note a change, and return those groups that nobody was about to look at, with their new `show_at`."""
        return await self._groups(
            """with before as (
                   select id, show_at is null or show_at < %s as idle from alert_groups where id = any(%s) for update),
               touched as (
                   update alert_groups set version = version + 1,
                       show_at = case when idle then greatest(%s, shown_at + %s) else show_at end
                   from before where before.id = alert_groups.id returning alert_groups.*, idle)
               select id, source, key, title, channel, opened_at, resolved_at, acknowledged_by, acknowledged_at,
                   message, version, shown_at, show_at, incident, source_said
               from touched where idle""",
            [at - _LOST, list(group_ids), at, SHOW_EVERY],
        )

    async def view(self, group_id: str, *, now: datetime, worst: int = 10) -> GroupView:
        """A group with what is to be shown of it; `NotFound` when there is none."""
        groups = await self._groups("select * from alert_groups where id = %s", [group_id])
        if not groups:
            raise NotFound("This alert is not stored any more.")
        return (await self._views(groups, now=now, worst=worst))[0]

    async def firing(self, *, now: datetime) -> tuple[GroupView, ...]:
        """Every open group, newest first, each with its one worst alert."""
        groups = await self._groups("select * from alert_groups where resolved_at is null order by opened_at desc", [])
        return await self._views(groups, now=now, worst=1)

    async def shown(self, view: GroupView, message: MessageRef | None, *, at: datetime) -> datetime | None:
        """Note what was shown; the moment of the next look where it has changed meanwhile."""
        noted = await self._connection.execute(
            """update alert_groups set message = %s, shown_at = %s, show_at = case when version > %s then %s end
               where id = %s returning show_at""",
            [
                *(dump(MessageRef, message) if message else None, at, view.group.version, at + SHOW_EVERY),
                view.group.id,
            ],
        )
        row = await noted.fetchone()
        return row[0] if row else None

    async def postpone(self, group_id: str, *, until: datetime) -> None:
        """Note that the look that was due comes later."""
        await self._connection.execute("update alert_groups set show_at = %s where id = %s", [until, group_id])

    async def acknowledge(self, group_id: str, *, by: str, at: datetime) -> bool:
        """False when it was acknowledged before, or is over."""
        done = await self._connection.execute(
            """update alert_groups set acknowledged_by = %s, acknowledged_at = %s
               where id = %s and acknowledged_at is null and resolved_at is null""",
            [by, at, group_id],
        )
        return done.rowcount == 1

    async def note_source(self, group_id: str, said: str) -> None:
        """Note what came of telling the source of the acknowledgement."""
        await self._connection.execute("update alert_groups set source_said = %s where id = %s", [said, group_id])

    async def note_incident(self, group_id: str, number: int) -> None:
        """Note the incident that was declared for a group."""
        await self._connection.execute("update alert_groups set incident = %s where id = %s", [number, group_id])

    async def silence(self, silence: Silence) -> None:
        """Silence, in place of one that is there."""
        await self._connection.execute(
            """insert into alert_silences (source, key, until, "by", reason) values (%s, %s, %s, %s, %s)
               on conflict (source, key) do update
               set until = excluded.until, "by" = excluded."by", reason = excluded.reason""",
            [silence.source, silence.key, silence.until, silence.by, silence.reason],
        )

    async def silences(self, source: str, *, now: datetime) -> tuple[Silence, ...]:
        """Those of a source that have not ended."""
        async with self._connection.cursor(row_factory=row_of(Silence)) as cursor:
            await cursor.execute(
                "select * from alert_silences where source = %s and until > %s order by key", [source, now]
            )
            return tuple(await cursor.fetchall())

    async def unsilence(self, source: str, key: str) -> bool:
        """False when nothing was silenced."""
        ended = await self._connection.execute(
            "delete from alert_silences where source = %s and key = %s", [source, key]
        )
        return ended.rowcount == 1

    async def prune(self, *, before: datetime) -> None:
        """Forget groups that were resolved before, with their alerts, and silences that ended before."""
        await self._connection.execute("delete from alert_groups where resolved_at < %s", [before])
        await self._connection.execute("delete from alert_silences where until < %s", [before])

    async def _views(self, groups: Sequence[AlertGroup], *, now: datetime, worst: int) -> tuple[GroupView, ...]:
        ids = [group.id for group in groups]
        counted = await self._connection.execute(
            """select group_id, count(*) filter (where ended_at is null), count(*) filter (where ended_at is not null)
               from alerts where group_id = any(%s) group by group_id""",
            [ids],
        )
        counts = {group_id: (firing, ended) for group_id, firing, ended in await counted.fetchall()}
        async with self._connection.cursor(row_factory=row_of(AlertRow)) as cursor:
            await cursor.execute(
                """select worst.* from unnest(%s::text[]) as wanted (id) cross join lateral (
                       select * from alerts where group_id = wanted.id and ended_at is null
                       order by array_position(array['critical', 'warning', 'info'], level), started_at, id
                       limit %s) as worst""",
                [ids, worst],
            )
            rows = await cursor.fetchall()
            await cursor.execute(
                """select distinct on (group_id) * from alerts where group_id = any(%s)
                   order by group_id, ended_at desc""",
                [[group.id for group in groups if group.resolved_at]],
            )
            last = {row.group_id: row for row in await cursor.fetchall()}
        async with self._connection.cursor(row_factory=row_of(Silence)) as cursor:
            await cursor.execute("select * from alert_silences where until > %s", [now])
            silences = {(each.source, each.key): each for each in await cursor.fetchall()}
        problems = {group.id: _problems(group, rows) for group in groups}
        watched = sorted(set().union(*problems.values()))
        cases = await Automation(self._connection).of_alerts(watched) if watched else ()
        return tuple(
            GroupView(
                group,
                *counts.get(group.id, (0, 0)),
                tuple(row for row in rows if row.group_id == group.id),
                last.get(group.id),
                silences.get((group.source, group.key)),
                tuple(case for case in cases if case.alert in problems[group.id] and _is_now(case, group)),
            )
            for group in groups
        )

    async def _groups(self, query: LiteralString, values: list[object]) -> list[AlertGroup]:
        async with self._connection.cursor(row_factory=row_of(AlertGroup)) as cursor:
            await cursor.execute(query, values)
            return await cursor.fetchall()


def _problems(group: AlertGroup, rows: Sequence[AlertRow]) -> set[str]:
    """The problems of watches that a group tells: its own, or those that are shown of a storm."""
    if group.source == WATCH:
        return {group.key}
    return {row.fingerprint for row in rows if row.group_id == group.id and row.source == WATCH}


def _is_now(case: Case, group: AlertGroup) -> bool:
    """Whether it is about this time that the group fires, and no act of a time before."""
    return case.acted_at is None or case.acted_at >= group.opened_at
