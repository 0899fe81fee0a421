"""What people decide about an operation: confirm, approve, dismiss, cancel; and what time decides."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from bot.core.clock import Clock
from bot.core.command import Context
from bot.core.errors import Conflict, NotAllowed
from bot.core.people import AUTOMATIC, Role
from bot.core.plan import Plan
from bot.core.prose import Line, Person
from bot.core.records import Operation, Store, Unit
from bot.core.results import OperationState, PlanCard, PlanState
from bot.operations.cards import OPEN, expires_at, plan_card
from bot.operations.closing import Closing
from bot.operations.planning import Planner, changes_nothing, what_moved
from bot.operations.proposals import Proposals
from bot.operations.rows import glass_broken
from bot.operations.tasks import EXPIRE, queue_card, queue_run, queue_told
from bot.operations.trail import Trail

PATIENCE = timedelta(seconds=1.5)
"""How long a click waits for the second look at live state: Slack shows a fault after three seconds."""


class Approval:
    """Moves plans by compare and swap; who asked and what for is read from the store, never from a payload."""

    def __init__(
        self, *, store: Store, planner: Planner, proposals: Proposals, closing: Closing, clock: Clock, trail: Trail
    ) -> None:
        self._store = store
        self._planner = planner
        self._proposals = proposals
        self._closing = closing
        self._clock = clock
        self._trail = trail

    async def confirm(self, ctx: Context, operation_id: str) -> PlanCard:
        """The requester says yes to a plan that needs nobody else."""
        operation = await self._get(operation_id)
        if ctx.actor.user_id != operation.requester:
            raise NotAllowed("Only the one who asked for this may confirm it.", hint="Type the command yourself.")
        return await self._accept(operation, frm=PlanState.PROPOSED, by=ctx.actor.user_id)

    async def approve(self, ctx: Context, operation_id: str) -> PlanCard:
        """A second person, at least a commander, says yes to a risky plan."""
        operation = await self._get(operation_id)
        if ctx.actor.user_id == operation.requester:
            raise NotAllowed("You asked for this change, so somebody else has to approve it.")
        if ctx.actor.role < Role.COMMANDER:
            raise NotAllowed("Only a commander may approve this change.", hint="Ask one to press the button.")
        return await self._accept(operation, frm=PlanState.AWAITING_APPROVAL, by=ctx.actor.user_id)

    async def dismiss(self, ctx: Context, operation_id: str) -> PlanCard:
        """The requester or a commander drops a plan that nobody has accepted."""
        operation = await self._get(operation_id)
        _require_say(ctx, operation)
        if operation.plan_state not in OPEN:
            return _as_it_stands(operation)
        return await self._drop(operation, PlanState.CANCELLED, by=ctx.actor.user_id)

    async def expire(self, operation_id: str) -> None:
        """Nobody decided in time."""
        operation = await self._get(operation_id)
        async with self._store.transaction() as tx:
            if await self._move(tx, operation, PlanState.EXPIRED, by=AUTOMATIC.user_id):
                await queue_card(tx, operation_id)  # no click answers with the new card

    async def cancel(self, ctx: Context, operation_id: str) -> None:
        """Stop an operation before its next step; one that still waits ends at once."""
        operation = await self._get(operation_id)
        _require_say(ctx, operation)
        async with self._store.transaction() as tx:
            if not await tx.operations.ask_cancel(operation_id, by=ctx.actor.user_id):
                return
            await self._decided(tx, operation, "cancel", by=ctx.actor.user_id)
            await queue_card(tx, operation_id)
        with suppress(Conflict):
            await self._end_waiting(operation_id)

    async def _end_waiting(self, operation_id: str) -> None:
        """End an operation that waits for its lock; `Conflict` when it runs, and reads the flag by itself."""
        async with self._store.transaction() as tx:
            operation = await tx.operations.take_over(operation_id)
            if operation.state is not OperationState.QUEUED:
                raise Conflict("It is running already.")  # which rolls the take-over back
            await self._closing.close(tx, operation, OperationState.CANCELLED, why="Nothing was touched.")

    async def _accept(self, operation: Operation, *, frm: PlanState, by: str) -> PlanCard:
        if operation.plan_state is not frm:
            return _as_it_stands(operation)
        if self._clock() >= expires_at(operation):
            return await self._drop(operation, PlanState.EXPIRED, by=AUTOMATIC.user_id)
        fresh = await self._look_again(operation)
        moved = what_moved(operation.plan, fresh)
        if moved:
            return await self._replace(operation, fresh, moved=moved)
        approver = by if by != operation.requester else ""
        async with self._store.transaction() as tx:
            if await tx.operations.move_plan(operation.id, to=PlanState.ACCEPTED, frm=(frm,), by=approver):
                await tx.due.drop(EXPIRE, operation.id)
                await self._decided(tx, operation, "accepted", by=by)
                await queue_run(tx, operation)
                if glass_broken(operation):
                    await self._decided(tx, operation, "break-glass", by=by)
                    await queue_told(tx, operation.id)
            operation = await tx.operations.get(operation.id)
        return _as_it_stands(operation)

    async def _look_again(self, operation: Operation) -> Plan:
        """The plan as things stand; the stored one when the look takes too long, for the run looks once more."""
        try:
            async with asyncio.timeout(PATIENCE.total_seconds()):
                return await self._planner.again(operation)
        except TimeoutError:
            return operation.plan

    async def _replace(self, operation: Operation, fresh: Plan, *, moved: str) -> PlanCard:
        """Put the outdated plan away and a fresh one before the same people."""
        draft = self._proposals.draft(operation.call, self._planner.context(operation), fresh)
        async with self._store.transaction() as tx:
            if not await self._move(tx, operation, PlanState.OUTDATED, by=AUTOMATIC.user_id):
                return _as_it_stands(await tx.operations.get(operation.id))
            if not changes_nothing(fresh):
                await self._proposals.keep(tx, draft, show=True)
        follows = "Nothing has to change any more." if changes_nothing(fresh) else "A fresh plan follows."
        return plan_card(
            replace(operation, plan_state=PlanState.OUTDATED), note=f"Since it was made, {moved}. {follows}"
        )

    async def _drop(self, operation: Operation, to: PlanState, *, by: str) -> PlanCard:
        async with self._store.transaction() as tx:
            await self._move(tx, operation, to, by=by)
            operation = await tx.operations.get(operation.id)
        return _as_it_stands(operation, by=by)

    async def _move(self, tx: Unit, operation: Operation, to: PlanState, *, by: str) -> bool:
        if not await tx.operations.move_plan(operation.id, to=to, frm=OPEN):
            return False
        await tx.due.drop(EXPIRE, operation.id)
        await self._decided(tx, operation, to.value, by=by)
        return True

    async def _decided(self, tx: Unit, operation: Operation, decision: str, *, by: str) -> None:
        data = {"operation": operation.id, "decision": decision, "hash": operation.plan_hash}
        await self._trail.add(tx, "approval", actor=by, data=data)

    async def _get(self, operation_id: str) -> Operation:
        async with self._store.transaction() as tx:
            return await tx.operations.get(operation_id)


def _require_say(ctx: Context, operation: Operation) -> None:
    if ctx.actor.user_id != operation.requester and ctx.actor.role < Role.COMMANDER:
        raise NotAllowed("Only the one who asked for this change, or a commander, may do that.")


def _as_it_stands(operation: Operation, *, by: str = "") -> PlanCard:
    note: Line = ""
    match operation.plan_state:
        case PlanState.ACCEPTED:
            note = "Its progress is shown in the channel."
        case PlanState.CANCELLED if by:
            note = ("Dismissed by ", Person(by), ".")
        case PlanState.EXPIRED:
            note = "Nobody decided in time. Type the command again."
        case _:
            pass
    return plan_card(operation, note=note)
