"""A service of lamps, small enough to see through: its commands, its steps, and an engine to change it with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from pydantic import BaseModel

from bot.core.command import ChangeArgs, Command, Context
from bot.core.errors import IntegrationError
from bot.core.fleet import Fleet, Service
from bot.core.people import Actor, Role
from bot.core.plan import Action, Area, Attempt, Call, Json, LeaseTerms, Observation, Plan, Risk, Step, Verdict
from bot.core.ports import MessageRef
from bot.core.records import Operation, StepRow, Store
from bot.core.registry import Registry
from bot.core.results import Field, PlanCard, Result
from bot.operations.clicks import CLICKS
from bot.operations.engine import Engine
from tests.conftest import Deferred, SetClock
from tests.fakes import FakeChat

ANA = Actor("U0ANA", "Ana", Role.RESPONDER)
BEN = Actor("U0BEN", "Ben", Role.RESPONDER)
CHIEF = Actor("U0CHIEF", "Chief", Role.COMMANDER)
CHANNEL = "C0OPS"


@dataclass(slots=True)
class Lamps:
    """What there is to change. Everything below `done` is keyed by what is to be done, such as `a on`.

    `refuses` is raised by doing it, `dark` by looking before it; `dead` does nothing; `blind` is not seen afterwards;
    `during` happens while it is done, `during_look` while somebody looks at any the next time.
    """

    on: dict[str, bool] = field(default_factory=lambda: dict.fromkeys("abc", False))
    unreadable: Exception | None = None
    slow: timedelta = timedelta()
    backwards: bool = False
    done: list[str] = field(default_factory=list)
    refuses: dict[str, Exception] = field(default_factory=dict)
    dark: set[str] = field(default_factory=set)
    dead: set[str] = field(default_factory=set)
    blind: set[str] = field(default_factory=set)
    during: dict[str, Callable[[], Awaitable[object]]] = field(default_factory=dict)
    during_look: Callable[[], Awaitable[object]] | None = None


class Turn(ChangeArgs):
    """Which lamps, as one word, and how."""

    lamps: str
    on: bool = True
    risky: bool = False
    undo: bool = True
    lasts: timedelta | None = None
    reason: str = ""


class Switch(BaseModel):
    """One lamp."""

    lamp: str
    on: bool

    @property
    def words(self) -> str:
        """What is to be done: `a on`."""
        return f"{self.lamp} {'on' if self.on else 'off'}"


async def turn(ctx: Context, args: Turn, *, lamps: Lamps) -> Plan:
    """Turn lamps on or off."""
    await asyncio.sleep(lamps.slow.total_seconds())
    if lamps.unreadable:
        raise lamps.unreadable
    wrong = [lamp for lamp in args.lamps if lamps.on[lamp] is not args.on]
    if lamps.backwards:
        wrong.reverse()
    word = "on" if args.on else "off"
    inverse = Call(("lamps",), {"lamps": args.lamps, "on": not args.on})
    return Plan(
        title=f"Turn {word} {', '.join(args.lamps)}",
        area=Area.PROCESSES,
        changes=tuple(Field(lamp, f"off -> {word}") for lamp in wrong),
        actions=tuple(_switch(lamp, on=args.on) for lamp in wrong),
        undo=tuple(_switch(lamp, on=not args.on) for lamp in reversed(wrong)) if args.undo else (),
        preconditions={lamp: str(lamps.on[lamp]) for lamp in args.lamps},
        lease=LeaseTerms("light", args.lamps, ctx.actor.user_id, args.lasts, inverse) if args.lasts else None,
        inverse=inverse if args.undo and not args.lasts else None,
        risk=Risk.RISKY if args.risky else Risk.CHANGE,
    )


def _switch(lamp: str, *, on: bool) -> Action:
    return Action("lamp.switch", f"Switch {lamp} {'on' if on else 'off'}", {"lamp": lamp, "on": on})


async def look_before(params: Switch, *, lamps: Lamps) -> Json:
    """Remember how it was."""
    if params.words in lamps.dark:
        raise IntegrationError("It is dark.", hint="Open a window.")
    return {"on": lamps.on[params.lamp]}


async def switch(attempt: Attempt[Switch], *, lamps: Lamps) -> str:
    """Switch it."""
    wanted = attempt.params
    lamps.done.append(wanted.words)
    if wanted.words in lamps.during:
        await lamps.during[wanted.words]()
    if wanted.words not in lamps.dead:
        lamps.on[wanted.lamp] = wanted.on
    if fault := lamps.refuses.get(wanted.words):
        raise fault
    return f"switched {wanted.words}"


async def look(attempt: Attempt[Switch], *, lamps: Lamps) -> Observation:
    """See it."""
    wanted = attempt.params
    if lamps.during_look:
        during, lamps.during_look = lamps.during_look, None
        await during()
    if wanted.words in lamps.blind:
        raise IntegrationError(f"It is too dark to see {wanted.lamp}.")
    verdict = Verdict.DONE if lamps.on[wanted.lamp] is wanted.on else Verdict.NOT_DONE
    return Observation(verdict, f"{wanted.lamp} is {'on' if lamps.on[wanted.lamp] else 'off'}.")


SWITCH = Step("lamp.switch", Switch, observe=look, do=switch, before=look_before, settle=timedelta(seconds=0.2))
ONCE = Step("lamp.switch", Switch, observe=look, do=switch, settle=timedelta(seconds=0.2), repeatable=False)
LAMPS = Command(("lamps",), Turn, plan=turn, role=Role.RESPONDER, risk=Risk.CHANGE)


@dataclass(slots=True)
class Rooms(FakeChat):
    """Slack with channels that the bot is not in (`shut`), and something that happens before a message is there."""

    shut: set[str] = field(default_factory=set)
    during_post: Callable[[], Awaitable[object]] | None = None
    during_update: Callable[[], Awaitable[object]] | None = None

    async def post(self, channel: str, result: Result, *, key: str = "", thread: str = "") -> MessageRef:
        if channel in self.shut:
            raise IntegrationError("Slack refused post.", hint="not_in_channel")
        if self.during_post:
            during, self.during_post = self.during_post, None
            await during()
        return await FakeChat.post(self, channel, result, key=key, thread=thread)

    async def update(self, message: MessageRef, result: Result, *, thread: str = "") -> None:
        if self.during_update:
            during, self.during_update = self.during_update, None
            await during()
        await FakeChat.update(self, message, result, thread=thread)


@dataclass(slots=True)
class World:
    """An engine with one service of lamps; jobs run when they are asked to, as the queue would run them."""

    store: Store
    deferred: Deferred
    clock: SetClock
    step: Step = SWITCH
    lamps: Lamps = field(default_factory=Lamps)
    chat: Rooms = field(default_factory=Rooms)
    two_people: tuple[str, ...] = ()
    engine: Engine = field(init=False)

    def __post_init__(self) -> None:
        self.engine = self.another()

    def another(self) -> Engine:
        """One more replica."""
        service = Service("gateway", "production", "web-1", {Lamps: self.lamps})
        return Engine(
            store=self.store,
            registry=Registry((LAMPS,), CLICKS, (self.step,)),
            fleet=Fleet((service,)),
            chat=self.chat,
            clock=self.clock,
            ports={},
            redact=lambda text: text.replace("hunter22", "[redacted]"),
            commanders=self.commanders,
            two_people=self.two_people,
        )

    async def commanders(self) -> frozenset[str]:
        """Who may approve."""
        return frozenset({CHIEF.user_id})

    def context(self, actor: Actor = ANA) -> Context:
        """Somebody in the channel."""
        return Context(actor, CHANNEL, self.clock(), service="gateway")

    async def ask(self, lamps: str = "ab", *, actor: Actor = ANA, **more: object) -> Result:
        """Somebody types the command, a moment later than whatever was before."""
        self.clock.advance(timedelta(milliseconds=1))
        return await self.engine.propose(LAMPS, Turn.model_validate({"lamps": lamps, **more}), self.context(actor))

    async def proposed(self, lamps: str = "ab", *, actor: Actor = ANA, **more: object) -> str:
        """The id of the operation that somebody's command made."""
        await self.ask(lamps, actor=actor, **more)
        return (await self.newest()).id

    async def accepted(self, lamps: str = "ab", **more: object) -> str:
        """The id of an operation that was confirmed too."""
        operation_id = await self.proposed(lamps, actor=ANA, **more)
        await self.confirm(operation_id)
        return operation_id

    async def confirm(self, operation_id: str, *, actor: Actor = ANA) -> PlanCard:
        """Somebody clicks on confirm."""
        return await self.engine.approval.confirm(self.context(actor), operation_id)

    async def work(self) -> None:
        """Run jobs until there are none."""
        while self.deferred.jobs:
            job = self.deferred.jobs.pop(0)
            await self.engine.handlers[job.task](**job.args)

    async def newest(self) -> Operation:
        """The operation that was proposed last."""
        async with self.store.transaction() as tx:
            return (await tx.operations.recent(limit=1))[0]

    async def get(self, operation_id: str) -> Operation:
        """The operation as it stands."""
        async with self.store.transaction() as tx:
            return await tx.operations.get(operation_id)

    async def steps(self, operation_id: str) -> tuple[StepRow, ...]:
        """Its steps as they stand."""
        async with self.store.transaction() as tx:
            return await tx.operations.steps(operation_id)

    async def audited(self) -> list[tuple[str, str, Mapping[str, object]]]:
        """The audit chain, oldest first: kind, actor, data."""
        async with self.store.transaction() as tx:
            return [(row.kind, row.actor, row.data) for row in reversed(await tx.audit.recent(limit=100))]
