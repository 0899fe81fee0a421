"""Action items of incidents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, LiteralString

from psycopg import AsyncConnection

from bot.core.errors import NotFound
from bot.core.reports import Task
from bot.store.rows import clean, dump, row_of


class Tasks:
    """Table `tasks`."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection

    async def find(self, incident: int, tasks: Sequence[Task], *, gone: Sequence[str]) -> None:
        """Keep what a conversation tells: new ones are added, untouched ones are as it tells them now."""
        await self._connection.execute(
            "delete from tasks where incident = %s and not edited and state = 'open' and source ->> 0 = any(%s)",
            [incident, list(gone)],
        )
        await self._lock(incident)
        for task in tasks:
            await self._insert(
                task,
                """on conflict (id) do update set text = excluded.text, owner = excluded.owner, source = excluded.source
                   where not tasks.edited and tasks.state = 'open'""",
            )

    async def add(self, task: Task) -> None:
        """Store what a person typed, once."""
        await self._lock(task.incident)
        await self._insert(task, "on conflict (id) do nothing")

    async def get(self, task_id: str) -> Task:
        """One task; `NotFound` when there is none."""
        tasks = await self._select("select * from tasks where id = %s", [task_id])
        if not tasks:
            raise NotFound("There is no such action item any more.")
        return tasks[0]

    async def change(self, task: Task, *, was: Task) -> bool:
        """Compare and swap of its text, owner and state; False when it is not as `was` any more."""
        changed = await self._connection.execute(
            """update tasks set text = %s, owner = %s, state = %s, edited = true, ended_by = %s, ended_at = %s
               where id = %s and text = %s and owner = %s and state = %s""",
            [
                *(clean(task.text), clean(task.owner), task.state, task.ended_by, task.ended_at),
                *(was.id, was.text, was.owner, was.state),
            ],
        )
        return changed.rowcount == 1

    async def of_incident(self, incident: int) -> tuple[Task, ...]:
        """Those of one incident that were not dropped, by number."""
        return await self._select(
            "select * from tasks where incident = %s and state <> 'dropped' order by number", [incident]
        )

    async def open(self, *, owner: str = "") -> tuple[Task, ...]:
        """Those to be done, of one person or of all, except those of private incidents, by incident and number."""
        return await self._select(
            """select tasks.* from tasks join incidents on incidents.number = tasks.incident
               where tasks.state = 'open' and not incidents.private and (tasks.owner = %s or %s = '')
               order by tasks.incident, tasks.number""",
            [owner, owner],
        )

    async def _lock(self, incident: int) -> None:
        """Have whoever numbers tasks of the same incident wait for our commit."""
        await self._connection.execute("select from incidents where number = %s for update", [incident])

    async def _insert(self, task: Task, otherwise: LiteralString) -> None:
        t = task
        query: LiteralString = """insert into tasks
            (id, incident, number, text, owner, source, added_by, added_at, state, edited, ended_by, ended_at)
            select %s, %s, coalesce(max(number), 0) + 1, %s, %s, %s, %s, %s, %s, %s, %s, %s
            from tasks where incident = %s """
        await self._connection.execute(
            query + otherwise,
            [
                *(t.id, t.incident, clean(t.text), clean(t.owner), dump(tuple[str, ...], t.source)),
                *(t.added_by, t.added_at, t.state, t.edited, t.ended_by, t.ended_at, t.incident),
            ],
        )

    async def _select(self, query: LiteralString, values: list[object]) -> tuple[Task, ...]:
        async with self._connection.cursor(row_factory=row_of(Task)) as cursor:
            await cursor.execute(query, values)
            return tuple(await cursor.fetchall())
