"""The one face of the engine: propose, decide, run, end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace

import structlog
from pydantic import BaseModel

from bot.core.clock import Clock
from bot.core.command import ChangeArgs, Command, Context
from bot.core.errors import Conflict, Fenced
from bot.core.fleet import Fleet
from bot.core.plan import Call
from bot.core.ports import Chat
from bot.core.records import Operation, Store
from bot.core.registry import Registry
from bot.core.results import PlanState, Result
from bot.operations.approval import Approval
from bot.operations.break_glass import BreakGlass, Commanders, nobody
from bot.operations.cards import can_be_undone, needs_rescue
from bot.operations.closing import Closing
from bot.operations.leases import LeaseEnds
from bot.operations.planning import Planner
from bot.operations.proposals import Proposals
from bot.operations.runner import Runner
from bot.operations.showing import Showing
from bot.operations.steps import Steps
from bot.operations.tasks import END_LEASE, EXPIRE, REMIND, RUN, SHOW, TELL, WINDOW, queue_card
from bot.operations.trail import Redact, Trail
from bot.operations.unattended import Unattended
from bot.operations.windows import WindowTimes

log = structlog.get_logger(__name__)


class Engine:
    """What changes the outside: each change is planned, accepted, run in steps, observed and recorded.

    `ports` are those of the program; a function bound for a service has the service's besides. `redact` takes the
    secrets out of what is written to the audit chain. `two_people` are commands that no break-glass runs.
    """

    def __init__(
        self,
        *,
        store: Store,
        registry: Registry,
        fleet: Fleet,
        chat: Chat,
        clock: Clock,
        ports: Mapping[type, object],
        redact: Redact,
        commanders: Commanders = nobody,
        two_people: Collection[str] = (),
    ) -> None:
        trail = Trail(clock=clock, redact=redact)
        planner = Planner(registry=registry, fleet=fleet, ports=ports, clock=clock)
        closing = Closing(clock=clock, trail=trail)
        steps = Steps(store=store, planner=planner, clock=clock, trail=trail)
        self._store = store
        self.trail = trail
        self._runner = Runner(store=store, planner=planner, steps=steps, closing=closing, clock=clock)
        self._showing = Showing(store=store, chat=chat)
        self.break_glass = BreakGlass(
            store=store,
            planner=planner,
            chat=chat,
            showing=self._showing,
            trail=trail,
            commanders=commanders,
            two_people=two_people,
        )
        self._proposals = Proposals(
            store=store, planner=planner, clock=clock, trail=trail, permit=self.break_glass.permit
        )
        self.unattended = Unattended(planner=planner, proposals=self._proposals, trail=trail)
        self.approval = Approval(
            store=store, planner=planner, proposals=self._proposals, closing=closing, clock=clock, trail=trail
        )
        self.windows = WindowTimes(
            store=store, planner=planner, proposals=self._proposals, showing=self._showing, clock=clock
        )
        self.leases = LeaseEnds(store=store, planner=planner, proposals=self._proposals, chat=chat, clock=clock)

    @property
    def handlers(self) -> Mapping[str, Callable[..., Awaitable[None]]]:
        """What each of the engine's jobs does, by task name."""
        return {
            RUN: self.run,
            SHOW: self._showing.show,
            END_LEASE: self.end_lease,
            REMIND: self.leases.remind,
            EXPIRE: self.approval.expire,
            TELL: self.break_glass.tell,
            WINDOW: self.windows.turn,
        }

    async def propose(self, command: Command, args: BaseModel, ctx: Context) -> Result:
        """Plan the command from live state and answer with the card on which it is confirmed."""
        dry_run = isinstance(args, ChangeArgs) and args.dry_run
        call = Call(command.path, args.model_dump(mode="json", exclude={"dry_run"}))
        return await self._proposals.propose(call, ctx, dry_run=dry_run)

    async def propose_call(self, call: Call, ctx: Context, *, show: bool = False) -> Result:
        """The same for a stored call; `show` puts the plan in the channel too."""
        return await self._proposals.propose(call, ctx, show=show)

    async def undo(self, ctx: Context, operation_id: str, *, show: bool) -> Result | None:
        """Plan the stored way back of an operation from live state; None when `show` puts the plan in the channel.

        Raises `Conflict` when there is no way back, or nothing to take back any more.
        """
        async with self._store.transaction() as tx:
            operation = await tx.operations.get(operation_id)
        if operation.plan.inverse is None or not can_be_undone(operation):
            hint = "There is no stored way back." if operation.plan.inverse is None else ""
            raise Conflict(f'"{operation.plan.title}" ended as {operation.state}, and cannot be undone.', hint=hint)
        ctx = replace(ctx, service=operation.service)
        answer = await self._proposals.propose(operation.plan.inverse, ctx, show=show)
        return None if show else answer

    async def rescue(self, ctx: Context, operation_id: str) -> None:
        """Put the plan that helps where an operation failed into the channel; `Conflict` when there is none."""
        async with self._store.transaction() as tx:
            operation = await tx.operations.get(operation_id)
        if operation.plan.rescue is None or not needs_rescue(operation):
            raise Conflict(f'"{operation.plan.title}" ended as {operation.state}, and nothing is offered for that.')
        await self._proposals.propose(operation.plan.rescue, replace(ctx, service=operation.service), show=True)

    async def run(self, operation_id: str) -> None:
        """Run an accepted operation to its end, or what another replica left of it."""
        operation = await self._take_over(operation_id)
        if operation is None:
            return
        try:
            async with self._showing.following(operation_id) as changed:
                await self._runner.run(operation, changed=changed)
        except Fenced as fenced:
            log.warning("fenced", operation=operation_id, epoch=operation.epoch, reason=str(fenced))
            async with self._store.transaction() as tx:
                await queue_card(tx, operation_id)  # what this one showed last may stand over what the successor did

    async def end_lease(self, lease_id: str) -> None:
        """End a lease whose time has come."""
        await self.leases.end(lease_id)

    def drain(self) -> None:
        """Begin no further step: what runs is handed back to the queue when its step has ended."""
        self._runner.drain()

    async def _take_over(self, operation_id: str) -> Operation | None:
        """The operation under a new epoch; None when there is nothing to run any more."""
        async with self._store.transaction() as tx:
            operation = await tx.operations.get(operation_id)
            if operation.plan_state is not PlanState.ACCEPTED or operation.state.is_final:
                return None
            return await tx.operations.take_over(operation_id)
