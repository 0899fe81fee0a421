"""Operations and their steps: moved by compare and swap, and fenced by the epoch of who holds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, LiteralString

from psycopg import AsyncConnection

from bot.core.errors import Fenced, NotFound
from bot.core.incidents import UNTOLD
from bot.core.plan import Call, Json, Plan, Risk
from bot.core.ports import MessageRef
from bot.core.records import Operation, StepRow
from bot.core.results import OperationState, PlanState
from bot.store.incidents import private_channels
from bot.store.rows import dump, row_of

_REASONS = ("reason", "override", "break_glass")
"""Arguments in which people say why."""

_FINAL = [state.value for state in OperationState if state.is_final]


class Operations:
    """Table `operations`, and `steps` below it."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection

    async def propose(self, operation: Operation) -> None:
        """Store a new operation."""
        o = operation
        await self._connection.execute(
            """insert into operations (id, call, plan, plan_hash, service, environment, host, reason, requester,
                   approver, channel, plan_state, state, epoch, proposed_at, started_at, ended_at, card, why,
                   cancel_asked_by, automatic)
               values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
            [
                *(o.id, dump(Call, o.call), dump(Plan, o.plan), o.plan_hash, o.service, o.environment, o.host),
                *(o.reason, o.requester, o.approver, o.channel, o.plan_state, o.state, o.epoch, o.proposed_at),
                *(o.started_at, o.ended_at, dump(MessageRef, o.card) if o.card else None, o.why, o.cancel_asked_by),
                o.automatic,
            ],
        )

    async def get(self, operation_id: str) -> Operation:
        """One operation; `NotFound` when there is none."""
        return _found(await self._select("select * from operations where id = %s", [operation_id]), operation_id)

    async def steps(self, operation_id: str) -> tuple[StepRow, ...]:
        """The steps so far, those that put things back after the others."""
        async with self._connection.cursor(row_factory=row_of(StepRow)) as cursor:
            await cursor.execute("select * from steps where operation_id = %s order by undo, number", [operation_id])
            return tuple(await cursor.fetchall())

    async def recent(self, *, service: str = "", limit: int = 20) -> tuple[Operation, ...]:
        """The newest first, of one service or of all."""
        return await self._listed(
            "select * from operations where %s in ('', service) order by proposed_at desc, id desc limit %s",
            [service, limit],
        )

    async def running(self) -> tuple[Operation, ...]:
        """What was accepted and has not ended, those that wait for a lock too, oldest first."""
        return await self._select(
            "select * from operations where plan_state = %s and state <> all(%s) order by proposed_at, id",
            [PlanState.ACCEPTED, _FINAL],
        )

    async def move_plan(self, operation_id: str, *, to: PlanState, frm: Sequence[PlanState], by: str = "") -> bool:
        """Compare and swap of the plan's state; `by` is kept as the approver when that accepts it."""
        approver = by if to is PlanState.ACCEPTED else ""
        done = await self._connection.execute(
            """update operations set plan_state = %s, approver = coalesce(nullif(%s, ''), approver)
               where id = %s and plan_state = any(%s)""",
            [to, approver, operation_id, list(frm)],
        )
        return done.rowcount == 1

    async def take_over(self, operation_id: str) -> Operation:
        """Raise the epoch and return the row; whoever held the former epoch is fenced from now on."""
        async with self._connection.cursor(row_factory=row_of(Operation)) as cursor:
            await cursor.execute("update operations set epoch = epoch + 1 where id = %s returning *", [operation_id])
            return _found(await cursor.fetchall(), operation_id)

    async def set_state(
        self, operation_id: str, state: OperationState, *, epoch: int, at: datetime, why: str = ""
    ) -> None:
        """Move the operation, with its start or end; `Fenced` when the epoch is not `epoch` any more."""
        done = await self._connection.execute(
            """update operations set state = %(state)s, why = coalesce(nullif(%(why)s, ''), why),
                   started_at = case when %(state)s = 'running' then coalesce(started_at, %(at)s) else started_at end,
                   ended_at = case when %(final)s then %(at)s end
               where id = %(id)s and epoch = %(epoch)s""",
            {"id": operation_id, "epoch": epoch, "state": state, "final": state.is_final, "why": why, "at": at},
        )
        _unless_fenced(operation_id, held=done.rowcount == 1)

    async def start_step(self, row: StepRow, *, epoch: int) -> None:
        """Write a step as running with its `before`; `Fenced` as above."""
        await self._write([row], epoch=epoch)

    async def end_step(self, row: StepRow, *, epoch: int) -> None:
        """Write a step's final state with its evidence; `Fenced` as above."""
        await self._write([row], epoch=epoch)

    async def plan_undo(self, operation_id: str, rows: Sequence[StepRow], *, epoch: int) -> None:
        """Append the steps that put things back; `Fenced` as above."""
        await self._hold(operation_id, epoch=epoch)
        await self._write(rows, epoch=epoch)

    async def ask_cancel(self, operation_id: str, *, by: str) -> bool:
        """Flag an operation that has not ended; False when it has, or was asked before."""
        done = await self._connection.execute(
            "update operations set cancel_asked_by = %s where id = %s and cancel_asked_by = '' and state <> all(%s)",
            [by, operation_id, _FINAL],
        )
        return done.rowcount == 1

    async def review(self, operation_id: str, *, by: str) -> bool:
        """Compare and swap from not reviewed to reviewed."""
        done = await self._connection.execute(
            "update operations set reviewed_by = %s where id = %s and reviewed_by = ''", [by, operation_id]
        )
        return done.rowcount == 1

    async def unreviewed(self) -> tuple[Operation, ...]:
        """What was accepted without its second person and nobody has reviewed, oldest first."""
        return await self._listed(
            """select * from operations where plan_state = %s and reviewed_by = '' and plan->>'risk' = %s
               and call->'args'->>'break_glass' <> '' order by proposed_at, id""",
            [PlanState.ACCEPTED, Risk.RISKY],
        )

    async def set_card(self, operation_id: str, card: MessageRef) -> None:
        """Remember where the progress card is."""
        await self._connection.execute(
            "update operations set card = %s where id = %s", [dump(MessageRef, card), operation_id]
        )

    async def _select(self, query: LiteralString, values: list[object]) -> tuple[Operation, ...]:
        async with self._connection.cursor(row_factory=row_of(Operation)) as cursor:
            await cursor.execute(query, values)
            return tuple(await cursor.fetchall())

    async def _listed(self, query: LiteralString, values: list[object]) -> tuple[Operation, ...]:
        """As `_select`, without the reasons that were typed in channels of private incidents: lists are for all."""
        private = await private_channels(self._connection)
        return tuple(_untold(each) if each.channel in private else each for each in await self._select(query, values))

    async def _hold(self, operation_id: str, *, epoch: int) -> None:
        """Lock the operation, so that no take-over comes between the look at its epoch and our commit."""
        found = await self._connection.execute(
            "select from operations where id = %s and epoch = %s for update", [operation_id, epoch]
        )
        _unless_fenced(operation_id, held=found.rowcount == 1)

    async def _write(self, rows: Sequence[StepRow], *, epoch: int) -> None:
        for row in rows:
            await self._hold(row.operation_id, epoch=epoch)
            await self._connection.execute(
                """insert into steps (operation_id, number, undo, step, title, params, before, state, evidence,
                       started_at, ended_at) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
                   on conflict (operation_id, undo, number) do update set before = excluded.before,
                       state = excluded.state, evidence = excluded.evidence, started_at = excluded.started_at,
                       ended_at = excluded.ended_at""",
                [
                    *(row.operation_id, row.number, row.undo, row.step, row.title, dump(Json, row.params)),
                    *(None if row.before is None else dump(Json, row.before), row.state, row.evidence),
                    *(row.started_at, row.ended_at),
                ],
            )


def _found(rows: Sequence[Operation], operation_id: str) -> Operation:
    if not rows:
        raise NotFound(f"There is no operation {operation_id}.", hint="`operations` lists the last ones.")
    return rows[0]


def _untold(operation: Operation) -> Operation:
    said = {name: UNTOLD for name in _REASONS if operation.call.args.get(name)}
    call = replace(operation.call, args={**operation.call.args, **said})
    return replace(operation, call=call, reason=UNTOLD if operation.reason else "")


def _unless_fenced(operation_id: str, *, held: bool) -> None:
    if not held:
        raise Fenced(f"Operation {operation_id} has been taken over by another replica.")
