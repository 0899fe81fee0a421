"""A trap in the bots' database: the bot that gets to a chosen place stands there until it has been dealt with."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from psycopg import AsyncConnection

from tests.waiting import until

Way = Literal["before", "after", "inside", "due before", "due after", "due inside"]
"""Before a commit, once it is kept and nobody has heard of it, and while work is going on that was kept as begun.

A place is a row that changes. `CHANGES`: of the operation and its steps once somebody has taken it over; with `due`,
of what is due and of whatever comes of that. `INCIDENTS`: of all that is stored of them, and of their jobs. `ALERTS`:
of the alerts and what shows them; with `due`, of the looks of watches that find them.
"""

Place = tuple[Way, str, str, str]
"""A way, an event, a table and a condition of its trigger."""

PAUSE = 7.0
"""Seconds; a bot that is not heard of for three loses its work to the other one."""

_CAUGHT, _HELD = 4712, 4711  # advisory locks: of the bot that stands there, and of the trap that holds it, as below

_MADE = """
    create table trap (way text not null, nth int not null);
    create sequence trap_places;
    create function spring() returns trigger language plpgsql as $$
    begin
        if current_setting('opsbot.bot', true) is null then
            return null;  -- the test itself
        end if;
        if (select way = tg_argv[0] from trap) and nextval('trap_places') = (select nth from trap) then
            perform pg_advisory_xact_lock_shared(4712, current_setting('opsbot.bot')::int);
            perform pg_advisory_xact_lock_shared(4711, 0);
        end if;
        return null;
    end $$;
"""
_SPRING = """
    create constraint trigger "{name}" after {event} on {table} deferrable initially {when}
    for each row {condition} execute function spring('{way}');
"""
_COMMITS: tuple[Way, ...] = ("before", "after")
_DUE: tuple[Way, ...] = ("due before", "due after")
_OF_INCIDENTS = (
    *("incidents", "incident_updates", "incident_pages", "entries", "due", "claims", "backfills"),
    *("reports", "report_pages", "report_publications"),
)
_TAKEN, _BEGUN = "when (new.epoch > 0)", "when (new.state = 'running')"


CHANGES: tuple[Place, ...] = (
    ("inside", "insert or update", "steps", _BEGUN),
    *((way, "insert or update", "operations", _TAKEN) for way in _COMMITS),
    *((way, "insert or update", "steps", "") for way in _COMMITS),
    *((way, "insert or update", table, "") for table in ("operations", "steps") for way in _DUE),
    *((way, "delete", "due", "") for way in (*_DUE, "due inside")),
)
INCIDENTS: tuple[Place, ...] = (
    ("inside", "update", "procrastinate_jobs", "when (new.status = 'doing')"),
    *((way, "insert or update or delete", table, "") for table in _OF_INCIDENTS for way in _COMMITS),
    *((way, "update", "procrastinate_jobs", "") for way in _COMMITS),
)
ALERTS: tuple[Place, ...] = (
    ("inside", "update", "procrastinate_jobs", "when (new.status = 'doing' and new.task_name = 'alerts.show')"),
    *((way, "insert or update", table, "") for table in ("alerts", "alert_groups") for way in _COMMITS),
    *((way, "insert or update", "due", "when (new.kind = 'alerts.show')") for way in _COMMITS),
    *((way, "delete", "due", "when (old.kind = 'alerts.show')") for way in _COMMITS),
    *((way, "update", "procrastinate_jobs", "when (new.task_name = 'alerts.show')") for way in _COMMITS),
    *((way, "insert or update", "watches", "") for way in _DUE),
    *((way, "insert or update", "due", "when (new.kind = 'watch')") for way in _DUE),
    *((way, "delete", "due", "when (old.kind = 'watch')") for way in _DUE),
    *((way, "update", "procrastinate_jobs", "when (new.task_name = 'watch')") for way in _DUE),
)


def _springs(places: Sequence[Place]) -> str:
    """Triggers for each way; one that is deferred fires within the commit, which then goes through without us."""
    return "".join(
        _SPRING.format(
            name=f"{way} {event} {table}",
            event=event,
            table=table,
            when="immediate" if way.endswith("before") else "deferred",
            condition=condition,
            way=way,
        )
        for way, event, table, condition in places
    )


@dataclass(frozen=True, slots=True)
class Blow:
    """What happens to a bot, and where: at the `nth` place, or so many seconds later."""

    way: Way
    nth: int
    later: float
    number: signal.Signals

    @classmethod
    def drawn(cls, random: Random, *, ways: tuple[Way, ...], places: int, begun: int = 0, takes: float = 0) -> Blow:
        """Anything, at one of so many places, or in one of so many steps that take so many seconds."""
        way = random.choice([way for way in ways if begun or not way.endswith("inside")])
        inside = way.endswith("inside")
        return cls(
            way,
            random.randint(1, begun if inside else places),
            random.uniform(0, takes) if inside else 0,
            random.choice((signal.SIGKILL, signal.SIGSTOP)),
        )

    @property
    def is_inside(self) -> bool:
        """Whether the bot goes on from the place for a while."""
        return self.way.endswith("inside")


class Trap:
    """One at a time can be set."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection

    @classmethod
    async def make(cls, connection: AsyncConnection[Any], places: Sequence[Place]) -> Trap:
        """Put it into a database whose clients say with `opsbot.bot` who they are; `connection` commits by itself."""
        await connection.execute((_MADE + _springs(places)).encode())
        return cls(connection)

    async def set(self, blow: Blow) -> None:
        """Wait for a bot at that place from now on."""
        await self._connection.execute("select pg_advisory_lock(%s, 0)", [_HELD])
        await self._connection.execute("delete from trap; alter sequence trap_places restart")
        await self._connection.execute("insert into trap values (%s, %s)", [blow.way, blow.nth])

    async def caught(self, *, within: float) -> int:
        """The number of the bot that stands there, once one does; other databases have traps of their own."""
        found: list[int] = []

        async def stands() -> bool:
            cursor = await self._connection.execute(
                """select bot.objid::int from pg_locks bot join pg_locks waits using (pid)
                   where bot.classid = %s and bot.granted and waits.classid = %s and not waits.granted
                     and bot.database = (select oid from pg_database where datname = current_database())""",
                [_CAUGHT, _HELD],
            )
            found.extend(row[0] for row in await cursor.fetchall())
            return bool(found)

        await until(stands, within=within)
        return found[0]

    async def open(self) -> None:
        """Let go whoever stands there, and catch nobody any more."""
        await self._connection.execute("delete from trap")
        await self._connection.execute("select pg_advisory_unlock_all()")
