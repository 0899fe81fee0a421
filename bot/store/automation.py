"""What the bot does by itself, and what was turned off."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString

from psycopg import AsyncConnection

from bot.core.automation import Case, Off
from bot.core.errors import NotFound
from bot.core.plan import Call
from bot.store.rows import clean, dump, row_of

_DECIDING = 0x6175746F6D61  # "automa"


class Automation:
    """Tables `automation_cases` and `automation_off`."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection

    async def lock(self) -> None:
        """Keep every other decision out until this transaction ends."""
        await self._connection.execute("select pg_advisory_xact_lock(%s)", [_DECIDING])

    async def turn_off(self, off: Off) -> bool:
        """False when it was off before."""
        done = await self._connection.execute(
            """insert into automation_off (service, rule, at, "by", reason) values (%s, %s, %s, %s, %s)
               on conflict do nothing""",
            [off.service, off.rule, off.at, off.by, clean(off.reason)],
        )
        return done.rowcount == 1

    async def turn_on(self, service: str, rule: str) -> bool:
        """False when it was not off."""
        done = await self._connection.execute(
            "delete from automation_off where service = %s and rule = %s", [service, rule]
        )
        return done.rowcount == 1

    async def offs(self) -> tuple[Off, ...]:
        """All that is off, what is off for all first."""
        async with self._connection.cursor(row_factory=row_of(Off)) as cursor:
            await cursor.execute("select * from automation_off order by service, rule")
            return tuple(await cursor.fetchall())

    async def save(self, case: Case) -> None:
        """Write a new case, or of one that is there what may change before it is acted on."""
        await self._connection.execute(
            """insert into automation_cases (id, service, rule, problem, alert, call, why, held, at, operation_id,
                   acted_at, outcome, settled_at, over_at)
               values (%s, %s, %s, %s, %s, %s, %s, %s, %s, '', null, '', null, %s)
               on conflict (service, rule, problem) do update set held = excluded.held, over_at = excluded.over_at""",
            [
                *(case.id, case.service, case.rule, case.problem, case.alert, dump(Call, case.call)),
                *(clean(case.why), clean(case.held), case.at, case.over_at),
            ],
        )

    async def begin(self, case: Case) -> bool:
        """Write the operation of a case; False when it had one."""
        done = await self._connection.execute(
            """update automation_cases set operation_id = %s, acted_at = %s, why = %s, call = %s, held = ''
               where service = %s and rule = %s and problem = %s and operation_id = ''""",
            [
                *(case.operation_id, case.acted_at, clean(case.why), dump(Call, case.call)),
                *(case.service, case.rule, case.problem),
            ],
        )
        return done.rowcount == 1

    async def settle(self, case_id: str, *, outcome: str, at: datetime) -> bool:
        """Write how an act ended; False when that is known already."""
        done = await self._connection.execute(
            "update automation_cases set outcome = %s, settled_at = %s where id = %s and settled_at is null",
            [outcome, at, case_id],
        )
        return done.rowcount == 1

    async def find(self, service: str, rule: str, problem: str) -> Case | None:
        """The case of that natural key, if there is one."""
        found = await self._select(
            "select * from automation_cases where service = %s and rule = %s and problem = %s", [service, rule, problem]
        )
        return found[0] if found else None

    async def get(self, case_id: str) -> Case:
        """One case; `NotFound` when there is none."""
        return _one(await self._select("select * from automation_cases where id = %s", [case_id]))

    async def of_operation(self, operation_id: str) -> Case:
        """The case that an operation deals with; `NotFound` when there is none."""
        return _one(await self._select("select * from automation_cases where operation_id = %s", [operation_id]))

    async def cases(self, *, since: datetime, service: str = "") -> tuple[Case, ...]:
        """Those that are not over, not settled, or changed since a moment; the newest first."""
        return await self._select(
            """select * from automation_cases where %s in ('', service)
               and (over_at is null or over_at >= %s or acted_at >= %s
                    or (operation_id <> '' and settled_at is null))
               order by coalesce(acted_at, at) desc, id""",
            [service, since, since],
        )

    async def of_alerts(self, alerts: Sequence[str]) -> tuple[Case, ...]:
        """Those of these alerts that are not over, and all acts, oldest first."""
        return await self._select(
            """select * from automation_cases where alert = any(%s) and (over_at is null or operation_id <> '')
               order by at, id""",
            [list(alerts)],
        )

    async def prune(self, *, before: datetime) -> None:
        """Forget what was over before."""
        await self._connection.execute("delete from automation_cases where over_at < %s", [before])

    async def _select(self, query: LiteralString, values: list[object]) -> tuple[Case, ...]:
        async with self._connection.cursor(row_factory=row_of(Case)) as cursor:
            await cursor.execute(query, values)
            return tuple(await cursor.fetchall())


def _one(cases: Sequence[Case]) -> Case:
    if not cases:
        raise NotFound("This is not stored any more.", hint="See automation for what is.")
    return cases[0]
