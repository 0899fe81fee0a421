"""What checks found over time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from bot.core.parts import State
from bot.core.readings import Reading
from bot.store.rows import clean, load, row_of

KEEP = timedelta(days=400)
"""A year and what a comparison with the year before needs."""

WHOLE = timedelta(days=2)
"""So far back every reading is kept: an incident is dated by them."""

_THINNED = timedelta(days=10)
"""What is older than this beyond `WHOLE` was thinned out on the days before."""

_WORST_FIRST = [State.FAIL, State.UNKNOWN, State.WARN, State.OK]


class Readings:
    """Table `readings`."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection

    async def add(self, readings: Sequence[Reading]) -> None:
        """Remember them all in one statement."""
        await self._connection.execute(
            """insert into readings (service, "check", at, state, value, unit, said)
               select * from unnest(%s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::float8[], %s::text[],
                                    %s::text[])
               on conflict do nothing""",
            [
                [each.service for each in readings],
                [clean(each.check) for each in readings],
                [each.at for each in readings],
                [each.state.value for each in readings],
                [None if each.value is None else float(each.value) for each in readings],
                [each.unit for each in readings],
                [clean(each.said) for each in readings],
            ],
        )

    async def series(self, service: str, check: str, *, since: datetime, until: datetime) -> tuple[Reading, ...]:
        """All of a span, oldest first."""
        async with self._connection.cursor(row_factory=row_of(Reading)) as cursor:
            await cursor.execute(
                'select * from readings where service = %s and "check" = %s and at >= %s and at < %s order by at',
                [service, check, since, until],
            )
            return tuple(await cursor.fetchall())

    async def near(
        self, service: str, checks: Sequence[str], *, moments: Sequence[datetime], within: timedelta
    ) -> Mapping[str, Mapping[datetime, Reading]]:
        """The nearest that has a value, for each check and moment."""
        found: dict[str, dict[datetime, Reading]] = defaultdict(dict)
        async with self._connection.cursor(row_factory=dict_row) as cursor:
            # Two steps along the primary key for each pair, however many readings there are around the moment.
            await cursor.execute(
                """select wanted.moment, nearest.*
                   from unnest(%(moments)s::timestamptz[]) as wanted (moment)
                   cross join unnest(%(checks)s::text[]) as named ("check")
                   cross join lateral (
                       select * from (
                           (select * from readings where service = %(service)s and "check" = named."check"
                                and value is not null and at <= wanted.moment and at >= wanted.moment - %(within)s
                            order by at desc limit 1)
                           union all
                           (select * from readings where service = %(service)s and "check" = named."check"
                                and value is not null and at > wanted.moment and at <= wanted.moment + %(within)s
                            order by at limit 1)) as around
                       order by greatest(at - wanted.moment, wanted.moment - at) limit 1) as nearest""",
                {"moments": list(moments), "checks": list(checks), "service": service, "within": within},
            )
            async for row in cursor:
                moment = row.pop("moment")
                found[row["check"]][moment] = load(Reading, row)
        return found

    async def prune(self, *, now: datetime) -> None:
        """Thin out, and drop."""
        await self._connection.execute("delete from readings where at < %s", [now - KEEP])
        await self._connection.execute(
            """delete from readings using (
                   select service, "check", at, row_number() over (
                       partition by service, "check", date_bin('15 minutes', at, timestamptz 'epoch')
                       order by array_position(%s::text[], state), at desc) as place
                   from readings where at >= %s and at < date_bin('15 minutes', %s, timestamptz 'epoch')) as ranked
               where ranked.place > 1 and (readings.service, readings."check", readings.at)
                   = (ranked.service, ranked."check", ranked.at)""",
            [_WORST_FIRST, now - WHOLE - _THINNED, now - WHOLE],
        )
