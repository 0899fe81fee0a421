"""Every kind of change, with its replica killed at every boundary and inside: the next replica finishes it, once.

What is covered how. Here: all kinds, in one process, on the real gateway, packet filter and database. A replica dies in
each transaction that moves the operation's rows, before that is kept; after a step was written as begun, before it was;
and while each changing command runs, which then goes on as an orphan under its lock. Its successor begins then. Whole
processes that are killed and paused: tests/app/test_replicas.py (the bot, through Slack) and
tests/operations/test_replicas.py (the engine and its queue). Random deaths: tests/operations/test_kill_points.py.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from bot.app import registry_of
from bot.core.firewall import Firewall, HostNetwork
from bot.core.plan import Risk
from bot.core.records import Operation, Store
from bot.core.releases import Releases
from bot.core.results import OperationState, Progress, StepState
from bot.demo.gateway import Gateway
from bot.settings import Settings
from integrations import local, network
from integrations.firewall import Config as FirewallConfig
from integrations.firewall import HelperFirewall
from integrations.http import HttpClient
from tests.commands.bench import CHIEF, Bench
from tests.commands.dying import GIVEN_UP_AFTER, Deaths, Killed, MortalHost, MortalStore
from tests.commands.test_db import bench_on, make_roles, own_server  # noqa: F401 - a fixture
from tests.conftest import Deferred, SetClock
from tests.fixtures_gateway import connect, pm2_cli, pm2_list, releases_of
from tests.namespaces import FOUR, PATH, Namespace, helper

pytestmark = pytest.mark.timeout(180)

SOON = timedelta(seconds=1)
"""How long a step looks for an effect here; as long as it would otherwise only makes the deaths before it slow."""

_REPEATED = {"git", "rm", "ln", "mv", "cp", "node", "touch"}
"""What builds a release and names it: a folder that was not finished is made anew, and a link is a link."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What is typed before each time, what is killed, and what is typed after.

    One whose steps are all those of another kind is `alike`: its replicas die only where a record is lost,
    and one operation is enough.
    """

    typed: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    alike: bool = False


PROCESSES: Mapping[str, Kind] = {
    "debug off": Kind("debug off", before=("debug on --for 10m lost webhooks",), alike=True),
    "debug on": Kind("debug on --for 10m lost webhooks", after=("debug off",), alike=True),
    "deploy": Kind("deploy v1.1.0 fees", after=("deploy v1.4.0 back",)),
    "freeze": Kind("freeze --for 2h audit", after=("freeze off",)),
    "freeze off": Kind("freeze off", before=("freeze --for 2h audit",)),
    "maintenance off": Kind("maintenance off", before=("maintenance on 30m provider down",), alike=True),
    "maintenance on": Kind("maintenance on 30m provider down", after=("maintenance off",)),
    "reload": Kind("reload", alike=True),
    "reset": Kind("reset", before=("!stop 0",)),
    "restart": Kind("restart memory grows"),
    "rollback": Kind("rollback fees", before=("deploy v1.1.0 fees",), alike=True),
    "scale": Kind("scale 3 traffic", after=("scale 2",)),
    "start": Kind("start", before=("stop break-in",)),
    "stop": Kind("stop break-in", after=("start",)),
}
FIREWALL: Mapping[str, Kind] = {
    "block-ip": Kind(f"block-ip {FOUR} scanning", after=(f"unblock-ip {FOUR}",)),
    "unblock-ip": Kind(f"unblock-ip {FOUR}", before=(f"block-ip {FOUR} scanning",)),
}
DATABASE = {"db cancel", "db kill", "db restart"}


@dataclass(slots=True)
class Mortal:
    """The bench of replicas that die, on a host that remembers what they began."""

    bench: Bench
    deaths: Deaths
    host: MortalHost

    async def play(self, kind: Kind) -> None:
        """Until there is no place any more at which nobody has died, or patience is over."""
        while True:
            for line in kind.before:
                await self.settle(line)
            operation, died = await self.ask(kind.typed, thorough=not kind.alike)
            await self.assert_done_once(operation)
            for line in kind.after:
                await self.settle(line)
            if kind.alike or died < GIVEN_UP_AFTER - 1:
                return

    async def ask(self, line: str, *, deaths: int = GIVEN_UP_AFTER - 1, thorough: bool = True) -> tuple[Operation, int]:
        """Type a change and have it run by one replica after the other; how many died."""
        self.host.begun.clear()
        await self.bench.type(line)
        operation = await self.bench.newest()
        approval = self.bench.engine.approval
        if operation.plan.risk is Risk.RISKY:
            await approval.approve(self.bench.context(CHIEF), operation.id)
        else:
            await approval.confirm(self.bench.context(), operation.id)
        self.deaths.left = deaths
        await self._work(thorough=thorough)
        died, self.deaths.left = deaths - self.deaths.left, 0
        return await self.bench.newest(), died

    async def settle(self, line: str) -> None:
        """Type a change that nobody dies of; with `!` it is PM2's and typed by hand."""
        if line.startswith("!"):
            await asyncio.to_thread(_by_hand, self.bench.live.demo, line[1:].split())
            return
        operation, _ = await self.ask(line, deaths=0)
        assert operation.state is OperationState.DONE, await self.bench.evidence(operation)

    async def assert_done_once(self, operation: Operation) -> None:
        """It is done, no step is missing, nothing was begun twice, and its one card says so."""
        assert operation.state is OperationState.DONE, await self.bench.evidence(operation)
        async with self.bench.store.transaction() as tx:
            rows = await tx.operations.steps(operation.id)
        assert [row.state for row in rows] == [StepState.DONE] * len(operation.plan.actions)
        twice = [argv for argv, count in Counter(self.host.begun).items() if count > 1 and argv[0] not in _REPEATED]
        assert twice == []
        key = f"operation:{operation.id}"
        [card] = [posted.result for posted in self.bench.chat.messages.values() if posted.key == key]
        assert isinstance(card, Progress)
        assert card.state is OperationState.DONE

    async def _work(self, *, thorough: bool) -> None:
        """What the queue does: a job whose worker died goes to another one."""
        jobs, living = self.bench.deferred.jobs, self.bench.store
        while jobs:
            job = jobs[0]
            self.deaths.dead = False
            self.bench.store = MortalStore(living, self.deaths, thorough)
            try:
                await self.bench.engine.handlers[job.task](**job.args)
                jobs.remove(job)
            except Killed:
                continue
            finally:
                self.bench.store, self.deaths.dead = living, False


def _by_hand(demo: Gateway, words: Sequence[str]) -> None:
    first = str(pm2_list(demo)[0][0])
    pm2_cli(demo, words[0], *(first if word == "0" else word for word in words[1:]))


@pytest.fixture
async def mortal(
    demo: Gateway, store: Store, deferred: Deferred, clock: SetClock, tmp_path: Path
) -> AsyncIterator[Mortal]:
    """The gateway with its releases, on a host whose replicas die."""
    deaths = Deaths()
    host = MortalHost(local.Config(path=f"{demo.node_path}:{PATH}"), deaths)
    async with HttpClient() as http:
        live = connect(demo, http=http, data=tmp_path / "data", host=host)
        bench = Bench(live, store, deferred, clock)
        steps = bench.registry.steps.items()
        bench.registry.steps = {name: replace(step, settle=min(step.settle, SOON)) for name, step in steps}
        bench.ports = {Releases: releases_of(demo, host=host)}
        yield Mortal(bench, deaths, host)
    host.bury()


def test_no_kind_of_change_is_missing_here() -> None:
    registry = registry_of(Settings.model_construct())
    kinds = {" ".join(path) for path, command in registry.commands.items() if command.plan}

    assert kinds == {*PROCESSES, *FIREWALL, *DATABASE}, "type it into one of the tables, and see it survive"


@pytest.mark.parametrize("kind", PROCESSES)
async def test_a_change_of_the_workers_survives_any_death(mortal: Mortal, kind: str) -> None:
    await mortal.play(PROCESSES[kind])


@pytest.mark.row("I2")
@pytest.mark.parametrize("kind", FIREWALL)
async def test_a_block_survives_any_death(mortal: Mortal, namespace: Namespace, kind: str) -> None:
    command = (*namespace.inside, *helper(namespace.folder, {}))
    firewall = HelperFirewall(FirewallConfig(command=command), host=mortal.host)
    mortal.bench.ports = {
        Firewall: firewall,
        HostNetwork: network.ProcNetwork(network.Config(), host=mortal.bench.live.host),
    }

    await mortal.play(FIREWALL[kind])

    assert await firewall.blocked() == ()


@pytest.mark.row("J3")
@pytest.mark.parametrize("verb", ["cancel", "kill"])
async def test_the_end_of_a_connection_survives_any_death(mortal: Mortal, database: str, verb: str) -> None:
    make_roles(database)
    bench_on(mortal.bench, database)
    async with await psycopg.AsyncConnection.connect(make_conninfo(database, user="app"), autocommit=True) as client:
        busy = asyncio.create_task(_sleep(client))
        await asyncio.sleep(0.2)

        operation, died = await mortal.ask(f"db {verb} {client.info.backend_pid}", thorough=False)
        await busy

        await mortal.assert_done_once(operation)
        assert died == 5  # taken over, running, begun, done, ended
        assert client.closed is (verb == "kill")


async def _sleep(client: psycopg.AsyncConnection[object]) -> None:
    with pytest.raises(psycopg.Error):
        await client.execute("select pg_sleep(60)")


@pytest.mark.row("J4")
async def test_a_restart_of_the_database_survives_any_death(
    mortal: Mortal,
    own_server: tuple[str, tuple[str, ...]],  # noqa: F811 - the fixture
) -> None:
    conninfo, restart = own_server
    bench_on(mortal.bench, conninfo, restart=restart)

    await mortal.play(Kind("db restart does not answer"))

    assert mortal.host.begun.count(restart) == 1
