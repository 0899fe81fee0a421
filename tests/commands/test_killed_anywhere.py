"""Every kind of change, with its replica killed at every boundary and inside: the next replica finishes it, once.

What is covered how. Here and in test_killed_anywhere_else.py: all kinds, in one process, on real tools. A replica dies
in each transaction that moves the operation's rows, before that is kept; after a step was written as begun, before it
was; and while each changing command runs, which then goes on as an orphan under its lock. Its successor begins then.
Whole processes that are killed and paused: tests/app/test_pairs.py (the bot, through Slack, at one place drawn for each
kind) and tests/operations/test_replicas.py (the engine and its queue). Random deaths, any number of them:
tests/operations/test_kill_points.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from bot.app import registry_of
from bot.core.firewall import Firewall, HostNetwork
from bot.settings import Settings
from integrations import network
from integrations.firewall import Config as FirewallConfig
from integrations.firewall import HelperFirewall
from tests.commands.mortal import Kind, Mortal
from tests.commands.test_db import bench_on, make_roles, own_server  # noqa: F401 - a fixture
from tests.commands.test_killed_anywhere_else import DAEMON, HOST, MAILED, ONCE, REDIS
from tests.namespaces import FOUR, Namespace, helper

pytestmark = pytest.mark.timeout(180)

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


def test_no_kind_of_change_is_missing_here() -> None:
    registry = registry_of(Settings.model_construct())
    kinds = {" ".join(path) for path, command in registry.commands.items() if command.plan}

    here = {*PROCESSES, *FIREWALL, *DATABASE}
    assert kinds == here | {*DAEMON, *HOST, *REDIS, *MAILED, *ONCE}, (
        "type it into one of the tables, and see it survive"
    )


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

        operation, died = await mortal.ask(f"db {verb} {client.info.backend_pid}", ways=("before", "inside"))
        await busy

        await mortal.assert_ended_once(operation)
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
