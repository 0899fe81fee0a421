"""A change that is asked for: planned from live state, stored, and put before those who decide."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

from bot.core.clock import Clock
from bot.core.command import Context
from bot.core.errors import Conflict
from bot.core.plan import Call, Plan
from bot.core.records import Due, Operation, Store, Unit
from bot.core.results import OperationState, PlanState, Result, Text
from bot.operations.cards import expires_at, nothing_to_do, plan_card
from bot.operations.planning import Planner, changes_nothing, with_ends
from bot.operations.rows import glass_broken, needs_approver
from bot.operations.tasks import EXPIRE, queue_card
from bot.operations.trail import Trail


class Proposals:
    """Stores plans and answers with their cards; `permit` refuses a break-glass that may not be."""

    def __init__(
        self, *, store: Store, planner: Planner, clock: Clock, trail: Trail, permit: Callable[[Call], None]
    ) -> None:
        self._store = store
        self._permit = permit
        self._planner = planner
        self._clock = clock
        self._trail = trail

    async def propose(
        self, call: Call, ctx: Context, *, ends: tuple[str, ...] = (), dry_run: bool = False, show: bool = False
    ) -> Result:
        """Plan `call` and store it for a decision; `show` puts the card into the channel instead of only answering.

        A risky plan is always put into the channel, where somebody else can approve it. `Conflict` when there is
        nothing to show.
        """
        plan = with_ends(await self._planner.plan(call, ctx), *ends)
        if changes_nothing(plan):
            if show:
                raise Conflict(f"{plan.title}: nothing has to change.")
            return nothing_to_do(plan)
        operation = self.draft(call, ctx, plan)
        if glass_broken(operation):
            self._permit(call)
        if dry_run:
            return plan_card(replace(operation, plan_state=PlanState.DRY_RUN))
        async with self._store.transaction() as tx:
            await self.keep(tx, operation, show=show)
        if needs_approver(operation):
            return Text(
                (f"{plan.title}: the plan is in the channel, where a commander other than you can approve it.",)
            )
        return plan_card(operation)

    def draft(self, call: Call, ctx: Context, plan: Plan) -> Operation:
        """The operation that `plan` would be."""
        service = self._planner.service(ctx.service)
        reason = call.args.get("reason")
        draft = Operation(
            id=uuid4().hex,
            call=call,
            plan=plan,
            plan_hash=plan.hash,
            service=service.name,
            environment=service.environment,
            host=service.host,
            reason=reason if isinstance(reason, str) else "",
            requester=ctx.actor.user_id,
            approver="",
            channel=ctx.channel_id,
            plan_state=PlanState.PROPOSED,
            state=OperationState.QUEUED,
            epoch=0,
            proposed_at=self._clock(),
        )
        return replace(draft, plan_state=PlanState.AWAITING_APPROVAL) if needs_approver(draft) else draft

    async def keep(self, tx: Unit, operation: Operation, *, show: bool) -> None:
        """Store an operation that waits for a decision, with the end of its patience."""
        await self.record(tx, operation)
        await tx.due.put(Due(EXPIRE, operation.id, expires_at(operation), {"operation_id": operation.id}))
        if show or needs_approver(operation):
            await queue_card(tx, operation.id)

    async def record(self, tx: Unit, operation: Operation) -> None:
        """Store an operation with its audit row."""
        await tx.operations.propose(operation)
        await self._trail.add(
            tx,
            "plan",
            actor=operation.requester,
            data={
                "operation": operation.id,
                "command": " ".join(operation.call.path),
                "args": dict(operation.call.args),
                "service": operation.service,
                "hash": operation.plan_hash,
                "risk": operation.plan.risk,
            },
        )
