"""A real gateway that is watched, with a bot that may do something by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.alerts.intake import OWN_MESSAGES, Intake
from bot.alerts.messages import GroupMessages
from bot.alerts.rules import AlertRules
from bot.automation.automations import Automations
from bot.automation.policy import Policies, Policy
from bot.automation.rule import RuleSettings
from bot.automation.rules import rules
from bot.core.alerts import Alert, GroupView, Level
from bot.core.automation import Case
from bot.core.fleet import Fleet
from bot.core.ports import Processes
from bot.core.records import Operation
from bot.core.registry import Registry, bind
from bot.core.results import OperationState, Text
from bot.demo.gateway.killing import kill_for_good
from bot.digests.checks import CHECKS
from bot.digests.pulse import Patience
from bot.digests.watches import Watches, WatchPlan, WatchPlans
from bot.jobs.due import sweep
from bot.operations.engine import Engine
from bot.operations.tasks import RUN
from bot.store.postgres import Postgres
from bot.views import render
from tests.commands import bench as benches
from tests.commands.bench import CHANNEL, Bench
from tests.conftest import AUDIT_KEY, Deferred
from tests.fakes import FakeProcesses, worker

bench = benches.bench
PATIENCE = Patience(2, 3, 2)
WATCHED = frozenset({"Workers", "Worker restarts", "Worker CPU", "Error rate"})
CHIEF = "U0CHIEF"
SECONDS = 6
"""From one look to the next."""


@dataclass(slots=True)
class Attended:
    """The bench with watches, and with what is configured of automation."""

    bench: Bench
    policy: Policy
    off: frozenset[str]
    rivals: list[Bench] = field(default_factory=list)
    runs: bool = True
    every: timedelta = timedelta(seconds=SECONDS - 1)

    @property
    def channel(self) -> str:
        return CHANNEL

    def allow(self, *names: str, budget: int = 6, **settings: RuleSettings) -> None:
        """Configure it so."""
        changed = {**self.policy.settings, **settings}
        self.policy = replace(self.policy, allowed=frozenset(names), budget=budget, settings=changed)
        for each in (self.bench, *self.rivals):
            each.given = {Policies: Policies((self.policy,))}

    def automations(self, bench: Bench) -> Automations:
        return Automations.on(
            bench.engine,
            Policies((self.policy,)),
            store=bench.store,
            chat=bench.chat,
            clock=bench.clock,
            commanders=_commanders,
        )

    def watches(self, bench: Bench) -> Watches:
        name = bench.service.name
        plan = WatchPlan(name, CHANNEL, self.every, self.off, PATIENCE)
        take = Intake(AlertRules("", watches={name: CHANNEL}), bench.clock).take
        after, fleet = self.automations(bench).after, Fleet((bench.service,))
        return Watches(WatchPlans((plan,)), bench.store, fleet, bench.clock, take, str, bench.registry, after)

    async def look(self, times: int, *, work: bool = True) -> None:
        """Look again and again, and let follow what follows."""
        for _ in range(times):
            self.bench.clock.advance(timedelta(seconds=SECONDS))
            await self.watches(self.bench).look(self.bench.service.name)
            if work:
                await self.work()

    async def look_now(self) -> None:
        """One look by the real clock, as what the service writes itself is dated by it."""
        self.every = timedelta(seconds=1)
        await asyncio.sleep(1.1)
        self.bench.clock.at = max(datetime.now(UTC), self.bench.clock.at)
        await self.watches(self.bench).look(self.bench.service.name)
        await self.work(step=timedelta())

    async def work(self, *, step: timedelta = timedelta(seconds=3)) -> None:
        """Take what is due, and run jobs until there are none, a few times with some time between."""
        for _ in range(3):
            await sweep(self.bench.store, now=self.bench.clock())
            await self.run_jobs(self.bench)
            self.bench.clock.advance(step)

    async def run_jobs(self, bench: Bench) -> None:
        handlers = {
            **bench.engine.handlers,
            **GroupMessages(bench.store, bench.chat, bench.clock).handlers,
            **self.automations(bench).handlers,
        }
        while bench.deferred.jobs:
            job = bench.deferred.jobs.pop(0)
            if job.task in handlers and (self.runs or job.task != RUN):
                await handlers[job.task](**job.args)

    async def operations(self) -> list[Operation]:
        """What was begun by itself, oldest first."""
        async with self.bench.store.transaction() as tx:
            return [each for each in reversed(await tx.operations.recent()) if each.automatic]

    async def cases(self) -> tuple[Case, ...]:
        async with self.bench.store.transaction() as tx:
            return await tx.automation.cases(since=self.bench.clock() - timedelta(days=1))

    async def problem(self, check: str) -> GroupView:
        """The alert of a check that fires."""
        return next(view for view in await self.firing() if view.group.title.endswith(f": {check}"))

    async def firing(self) -> tuple[GroupView, ...]:
        """Every alert that fires."""
        async with self.bench.store.transaction() as tx:
            return await tx.alerts.firing(now=self.bench.clock())

    async def storm(self) -> None:
        """Have so many alerts fire that the next one gets no message of its own."""
        names = [f"other {number}" for number in range(OWN_MESSAGES)]
        now = self.bench.clock()
        alerts = [Alert("generic", name, name, name, name, Level.INFO, firing=True, started_at=now) for name in names]
        async with self.bench.store.transaction() as tx:
            await Intake(AlertRules(CHANNEL), self.bench.clock).take(tx, [alerts])

    def message(self, check: str) -> Text:
        """The message of the problem of a check, as it stands."""
        return self._card(f"{self.bench.service.name}: {check}")

    def _card(self, title: str) -> Text:
        cards = [card for card in self.bench.chat.posted(CHANNEL) if isinstance(card, Text)]
        return next(card for card in reversed(cards) if card.title == title)

    def says(self, check: str = "", *, title: str = "") -> str:
        """What the message of a problem says, or the one of that title."""
        return render(self._card(title) if title else self.message(check)).text.replace("*", "")

    async def click(self, verb: str, row_id: str) -> None:
        """Ana presses a button whose outcome is shown elsewhere."""
        bench = self.bench
        ports = {**bench.program, Engine: bench.engine, Registry: bench.registry}
        assert await bind(bench.registry.clicks[verb].run, ports)(bench.context(), row_id) is None

    def lose(self, *lost: int, status: str = "errored") -> None:
        """Have the process manager tell that it has given up these of two workers; nothing is run from now on."""
        gone = {number: replace(worker(number, status), pid=0) for number in lost}
        workers = (gone.get(number, worker(number)) for number in range(2))
        self.bench.ports |= {Processes: FakeProcesses(tuple(workers))}
        self.runs = False

    async def end(self, state: OperationState) -> None:
        """Have what was begun last end so."""
        operation = (await self.operations())[-1]
        async with self.bench.store.transaction() as tx:
            await tx.operations.set_state(operation.id, state, epoch=0, at=self.bench.clock(), why="as a test says")
        await self.work()

    async def kill(self, worker: int) -> None:
        """End a worker for real, until its manager gives it up."""
        await kill_for_good(self.bench.live.demo, worker)


async def _commanders() -> tuple[str, ...]:
    return (CHIEF,)


@pytest.fixture
def attended(bench: Bench) -> Attended:
    off = frozenset(check.name for check in CHECKS) - WATCHED
    policy = Policy(bench.service.name, CHANNEL, {rule.name: rule.settings() for rule in rules()}, patience=PATIENCE)
    found = Attended(bench, policy, off)
    found.allow()
    return found


@pytest.fixture
async def rival(attended: Attended, database: str, deferred: Deferred) -> AsyncIterator[Bench]:
    """A second replica on the same database."""
    async with Postgres.open(database, defer=deferred, audit_key=AUDIT_KEY) as store:
        other = Bench(attended.bench.live, store, deferred, attended.bench.clock, chat=attended.bench.chat)
        other.ports, other.given = attended.bench.ports, attended.bench.given
        attended.rivals.append(other)
        yield other
