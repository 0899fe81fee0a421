"""Every command of the bot on the shared gateway: typed, planned, confirmed and run to its end, at a set time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import cast

import pytest

from bot.core.command import Context, ServiceArgs
from bot.core.fleet import Fleet, Service
from bot.core.mail import Scrub
from bot.core.parse import parse
from bot.core.people import Actor, Role
from bot.core.plan import Risk
from bot.core.ports import Chat, Documents
from bot.core.records import Lease, Operation, Store
from bot.core.registry import Asked, Registry, bind
from bot.core.results import PlanCard, Result
from bot.core.windows import Zone
from bot.operations.clicks import CLICKS
from bot.operations.effects import STEPS
from bot.operations.engine import Engine
from bot.views import Templates, render
from tests.conftest import Deferred, SetClock
from tests.fakes import FakeChat
from tests.fixtures_gateway import Live

ANA = Actor("U0ANA", "Ana", Role.RESPONDER)
CHIEF = Actor("U0CHIEF", "Chief", Role.COMMANDER)
CHANNEL = "C0OPS"


@dataclass(slots=True)
class Bench:
    """The engine on a real service; `ports` are more of the service's than the gateway's own, `limits` its limits.

    `given` are more ports of the program's.
    """

    live: Live
    store: Store
    deferred: Deferred
    clock: SetClock
    ports: dict[type, object] = field(default_factory=dict)
    limits: dict[str, float] = field(default_factory=dict)
    given: dict[type, object] = field(default_factory=dict)
    chat: FakeChat = field(default_factory=FakeChat)
    registry: Registry = field(default_factory=lambda: Registry.discover(clicks=CLICKS, steps=STEPS))

    @property
    def program(self) -> dict[type, object]:
        """What the program provides beside the ports of a service."""
        return {
            Store: self.store,
            Chat: self.chat,
            Documents: Templates(),
            Zone: Zone("Europe/Berlin"),
            Scrub: Scrub(str),
            **self.given,
        }

    @property
    def service(self) -> Service:
        """The service with every port."""
        live = self.live.service
        return replace(live, ports={**live.ports, **self.ports}, limits=self.limits)

    @property
    def engine(self) -> Engine:
        """An engine, as any replica has it."""
        ports = self.program
        fleet = Fleet((self.service,))
        return Engine(
            store=self.store,
            registry=self.registry,
            fleet=fleet,
            chat=self.chat,
            clock=self.clock,
            ports=ports,
            redact=str,
        )

    def context(self, actor: Actor = ANA) -> Context:
        """Somebody in the channel."""
        service = self.service
        return Context(actor, CHANNEL, self.clock(), service=service.name, environment=service.environment)

    async def type(self, text: str, *, actor: Actor = ANA) -> Result:
        """The answer to what somebody types after `/ops`."""
        self.clock.advance(timedelta(milliseconds=1))
        asked = self.registry.resolve("/ops", text)
        assert isinstance(asked, Asked)
        args = parse(asked.rest, asked.command.args)
        engine = self.engine
        if asked.command.plan:
            return await engine.propose(asked.command, args, self.context(actor))
        ports = {**self.program, Engine: engine, Fleet: Fleet((self.service,)), Registry: self.registry}
        if isinstance(args, ServiceArgs):
            ports |= {**self.service.ports, Service: self.service}
        result: Result = await bind(asked.command.function, ports)(self.context(actor), args)
        return result

    async def says(self, text: str, *, actor: Actor = ANA) -> str:
        """The answer as a reader has it."""
        return render(await self.type(text, actor=actor)).text.replace("`", "").replace("*", "")

    async def plan(self, text: str) -> PlanCard:
        """The plan card that a command answers with, or puts into the channel when it is risky."""
        answer = await self.type(text)
        return answer if isinstance(answer, PlanCard) else cast("PlanCard", await self._card())

    async def run(self, text: str, *, actor: Actor = ANA) -> Operation:
        """Type a change, have it confirmed or approved, and let it run to its end."""
        await self.type(text, actor=actor)
        operation = await self.newest()
        if operation.plan.risk is Risk.RISKY:
            await self.engine.approval.approve(self.context(CHIEF), operation.id)
        else:
            await self.engine.approval.confirm(self.context(actor), operation.id)
        await self.work()
        return await self.newest()

    async def newest(self) -> Operation:
        """The operation that was asked for last."""
        async with self.store.transaction() as tx:
            return (await tx.operations.recent(limit=1))[0]

    async def work(self) -> None:
        """Run jobs until there are none."""
        engine = self.engine
        while self.deferred.jobs:
            job = self.deferred.jobs.pop(0)
            await engine.handlers[job.task](**job.args)

    async def end_what_is_due(self, *, after: timedelta) -> None:
        """Let time pass and have leases whose time is over ended, as the sweeper does."""
        self.clock.advance(after)
        async with self.store.transaction() as tx:
            due = await tx.due.take(now=self.clock())
        for row in due:
            if row.kind == "lease_end":
                await self.engine.handlers[row.kind](**row.args)
        await self.work()

    async def leases(self, kind: str = "") -> tuple[Lease, ...]:
        """What is active."""
        async with self.store.transaction() as tx:
            return tuple(lease for lease in await tx.leases.active() if kind in {"", lease.kind})

    async def evidence(self, operation: Operation) -> str:
        """Each step with its state and what was seen of it."""
        async with self.store.transaction() as tx:
            rows = await tx.operations.steps(operation.id)
        return "\n".join(f"{row.state.value}: {row.title}: {row.evidence}" for row in rows)

    async def _card(self) -> Result:
        await self.work()
        return self.chat.posted(CHANNEL)[-1]


def give_up_after(settle: timedelta, *steps: str, registry: Registry) -> None:
    """Have what will not come looked for so long only."""
    hasty = {name: replace(registry.steps[name], settle=settle) for name in steps}
    registry.steps = {**registry.steps, **hasty}


@pytest.fixture
def bench(live: Live, store: Store, deferred: Deferred, clock: SetClock) -> Bench:
    """The commands on the shared gateway."""
    return Bench(live, store, deferred, clock)
