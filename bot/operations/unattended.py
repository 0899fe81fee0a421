"""What begins without a person: planned as what is typed, accepted by a policy that is named, run by the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bot.core.command import Context
from bot.core.errors import NotAllowed
from bot.core.fleet import Service
from bot.core.plan import Call, Risk
from bot.core.records import Operation, Unit
from bot.core.results import PlanState
from bot.operations.planning import Planner
from bot.operations.proposals import Proposals
from bot.operations.tasks import queue_run
from bot.operations.trail import Trail


class Unattended:
    """Drafts an operation from live state, and begins it in the transaction of whoever decided that it may."""

    def __init__(self, *, planner: Planner, proposals: Proposals, trail: Trail) -> None:
        self._planner = planner
        self._proposals = proposals
        self._trail = trail

    def service(self, name: str) -> Service:
        """The service called `name`."""
        return self._planner.service(name)

    def ports(self, service: str) -> Mapping[type, object]:
        """What is asked about a service before anything is drafted."""
        return self._planner.ports(service)

    async def draft(self, call: Call, ctx: Context, *, automatic: str) -> Operation:
        """The operation as things stand, accepted and not stored; `automatic` says why nobody was asked.

        `NotAllowed` for what takes a second person: no configuration is one.
        """
        plan = await self._planner.plan(call, ctx)
        if plan.risk is Risk.RISKY:
            raise NotAllowed(f"{plan.title} takes two people.")
        draft = self._proposals.draft(call, ctx, plan)
        return replace(draft, plan_state=PlanState.ACCEPTED, automatic=automatic)

    async def begin(self, tx: Unit, operation: Operation, *, policy: str) -> None:
        """Store it, write down by which policy it was accepted, and have it run."""
        await self._proposals.record(tx, operation)
        data = {
            "operation": operation.id,
            "decision": "accepted",
            "hash": operation.plan_hash,
            "policy": policy,
            "why": operation.automatic,
        }
        await self._trail.add(tx, "approval", actor=operation.requester, data=data)
        await queue_run(tx, operation)
