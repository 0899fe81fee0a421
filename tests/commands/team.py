"""A team in Slack whose channel gets digests: everything real but the service, the clock and the queue."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import pytest

from bot.core.errors import IntegrationError
from bot.core.fleet import Fleet
from bot.core.people import Role
from bot.core.ports import Backup, Chat
from bot.core.records import Store
from bot.core.registry import Registry
from bot.core.windows import Zone
from bot.demo.workspace import Person, Workspace
from bot.demo.workspace.records import Channel
from bot.demo.workspace.seen import Seen
from bot.digests.digest import TASK, Digests
from bot.digests.holidays import Holidays
from bot.digests.schedules import Schedule, Schedules
from bot.incidents.rules import IncidentRules
from bot.operations.clicks import CLICKS
from bot.operations.effects import STEPS
from bot.operations.engine import Engine
from bot.slack.link import Link
from bot.slack.people import Roles
from bot.store.postgres import Postgres
from commands import digest, digest_rows, incident_open, monthly
from tests.conftest import Deferred, SetClock
from tests.editions import made
from tests.fakes import FakeProcesses, backup, service, worker
from tests.fixtures_slack import running_bot

HOLIDAYS = Holidays("DE", "BE", {date(2026, 3, 4): "Founders' Day"})


@dataclass(slots=True)
class Kept:
    """A folder whose newest backup has this age, and this size where the others have 100 kB; `fault` hides it all."""

    clock: SetClock
    age: timedelta = timedelta(hours=1)
    size: int = 100_000
    fault: str = ""

    async def newest(self, count: int = 14) -> tuple[Backup, ...]:  # noqa: ARG002 - a port names it
        if self.fault:
            raise IntegrationError(self.fault)
        at = self.clock() - self.age
        others = (backup(made_at=at - timedelta(days=day), size=100_000) for day in range(1, 5))
        return (backup(made_at=at, size=self.size), *others)


class Team:
    """Ana, who may respond, in a channel of the bot; jobs run when she says so."""

    def __init__(self, workspace: Workspace, store: Postgres, clock: SetClock, deferred: Deferred) -> None:
        self.workspace, self.store, self.clock, self.deferred = workspace, store, clock, deferred
        self.ana: Person = workspace.person("ana")
        self.ops: Channel = workspace.channel("ops", [self.ana])
        self.backups = Kept(clock)
        self.processes = FakeProcesses((worker(0),))
        self.gateway = service(processes=self.processes, backups=self.backups)
        self.elsewhere = workspace.channel("elsewhere", [self.ana])
        configured = Schedule(name="health", channel=self.elsewhere.id, service="gateway", when="daily 07:00")
        self.schedules = Schedules((configured,), HOLIDAYS)
        self.digests: Digests
        self.engine: Engine

    def ports(self, link: Link) -> Mapping[type, object]:
        fleet, registry = Fleet((self.gateway,)), Registry.discover(clicks=CLICKS, steps=STEPS)
        self.digests = made(self.schedules, self.store, fleet, link.chat, self.clock, registry=registry)
        program = {Store: self.store, Zone: Zone("Europe/Berlin"), Chat: link.chat}
        self.engine = Engine(
            store=self.store,
            registry=registry,
            fleet=fleet,
            chat=link.chat,
            clock=self.clock,
            ports=program,
            redact=str,
        )
        return {
            Registry: registry,
            Engine: self.engine,
            Store: self.store,
            Schedules: self.schedules,
            Fleet: fleet,
            Digests: self.digests,
            Zone: Zone("Europe/Berlin"),
            Chat: link.chat,
            IncidentRules: IncidentRules(),
        }

    async def says(self, line: str) -> str:
        """What the bot answers."""
        turn = await self.ana.command(self.ops, f"/ops {line}")
        return (await turn.reply(timeout=10)).plain()

    async def pass_time(self, by: timedelta) -> list[str]:
        """Let time pass as a wake sees it, run what came due, and tell what stands in the channel then."""
        await self.digests.tick(self.clock.advance(by))
        jobs, self.deferred.jobs[:] = list(self.deferred.jobs), []
        for job in jobs:
            await {**self.engine.handlers, TASK: self.digests.post}[job.task](**job.args)
        return [seen.text for seen in self.messages()]

    async def digest(self, line: str = "daily every day 11:30 --name lunch") -> Seen:
        """The digest of now, which was added by the words after `digest add`."""
        await self.says(f"digest add {line}")
        await self.says("digest run lunch")
        await self.pass_time(timedelta(minutes=5))
        return self.messages()[0]

    def thread(self, digest: Seen) -> list[Seen]:
        """What stands below a digest."""
        return [seen for seen in self.ana.sees(self.ops) if seen.thread_ts == digest.ts != seen.ts]

    def messages(self) -> list[Seen]:
        """The digests that stand in the channel, without their threads."""
        posts = [seen for seen in self.ana.sees(self.ops) if seen.metadata]
        return [seen for seen in posts if seen.thread_ts in {None, "", seen.ts}]


@pytest.fixture
async def team(workspace: Workspace, store: Postgres, clock: SetClock, deferred: Deferred) -> AsyncIterator[Team]:
    """Monday 2026-03-02 09:00 UTC."""
    team = Team(workspace, store, clock, deferred)
    opening = [each for each in incident_open.COMMANDS if each.path == ("open",)]
    async with running_bot(
        workspace,
        store,
        roles=Roles(default=Role.RESPONDER),
        clock=clock,
        commands=(*digest.COMMANDS, *digest_rows.COMMANDS, *monthly.COMMANDS, *opening),
        clicks=(*digest.CLICKS, *digest_rows.CLICKS, *monthly.CLICKS),
        services=(team.gateway,),
        ports=team.ports,
    ):
        yield team
