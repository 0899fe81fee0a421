"""Looking into a real Postgres and ending one connection of it, never another."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import SecretStr

from bot.core.database import Database
from bot.core.errors import Conflict, NotFound
from bot.core.results import OperationState, PlanState
from bot.views import render
from integrations.postgres import Config, ServiceDatabase
from tests.commands.bench import Bench, give_up_after
from tests.postgres import restartable_server

Connection = psycopg.AsyncConnection[Any]

SLEEP = "select pg_sleep(60)"


@dataclass(slots=True)
class Server:
    """A database with a role `app`, and the bot's bench on it."""

    bench: Bench
    conninfo: str
    stack: AsyncExitStack

    async def connect(self, user: str = "app", **more: Any) -> Connection:  # noqa: ANN401 - psycopg's own parameters
        """One more client."""
        return await self.stack.enter_async_context(
            await psycopg.AsyncConnection.connect(
                make_conninfo(self.conninfo, user=user, application_name="checkout"), autocommit=True, **more
            )
        )

    async def busy(self, query: str = SLEEP) -> Connection:
        """A client whose query runs."""
        client = await self.connect()
        task = asyncio.create_task(_quietly(client, query))
        self.stack.push_async_callback(_cancelled, task)
        await asyncio.sleep(0.1)
        return client


async def _quietly(client: Connection, query: str) -> None:
    try:
        await client.execute(query.encode())
    except psycopg.Error:
        return


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def bench_on(bench: Bench, conninfo: str, *, restart: tuple[str, ...] = ()) -> Bench:
    parts = conninfo_to_dict(conninfo)
    url = f"postgresql://{parts.get('user', 'postgres')}@/{parts.get('dbname', 'postgres')}?host={parts['host']}"
    config = Config(url=SecretStr(url), restart=restart)
    bench.ports = {Database: ServiceDatabase(config, env=bench.live.env, host=bench.live.host)}
    return bench


def make_roles(conninfo: str) -> None:
    with psycopg.connect(conninfo, autocommit=True) as admin:
        for role in ("app", "copier"):
            if not admin.execute("select from pg_roles where rolname = %s", [role]).rowcount:
                admin.execute(f"create role {role} login {'replication' if role == 'copier' else ''}".encode())
        admin.execute("grant create on schema public to app")


@pytest.fixture
async def server(bench: Bench, database: str) -> AsyncIterator[Server]:
    make_roles(database)
    async with AsyncExitStack() as stack:
        yield Server(bench_on(bench, database), database, stack)


@pytest.mark.row("J1", "J2")
async def test_clients_are_counted_by_state_against_the_limit_and_background_processes_are_not(server: Server) -> None:
    await server.connect()
    await server.busy()

    said = await server.bench.says("db")

    with psycopg.connect(server.conninfo) as admin:
        (everything,) = admin.execute("select count(*) from pg_stat_activity").fetchone() or (0,)
    counted = int(said.split(" connections")[0].split()[-3])
    assert " active" in said
    assert counted < everything
    assert "app, checkout" in said


@pytest.mark.row("J3")
async def test_who_holds_up_others_is_told_though_it_is_idle_in_its_transaction(server: Server) -> None:
    holder, waiter = await server.connect(), None
    await holder.execute("create table if not exists locked (id int)")
    await holder.execute("begin")
    await holder.execute("lock table locked")
    waiter = await server.busy("select * from locked")

    said = await server.bench.says("db")

    assert f"Hold up others: {holder.info.backend_pid}" in said
    assert f"held up by {holder.info.backend_pid}" in said
    assert str(waiter.info.backend_pid) in said
    await holder.execute("rollback")


@pytest.mark.row("J3")
async def test_cancel_ends_the_query_and_leaves_the_connection(server: Server) -> None:
    client = await server.busy()
    pid = client.info.backend_pid
    card = render(await server.bench.type(f"db cancel {pid} report runs for an hour")).text
    assert "pg_sleep" in card

    operation = await server.bench.run(f"db cancel {pid} report runs for an hour")

    assert operation.state is OperationState.DONE, await server.bench.evidence(operation)
    assert (await client.execute("select 1")).rowcount == 1


@pytest.mark.row("J3")
async def test_a_query_that_is_asked_anew_when_it_is_cancelled_is_told_and_not_taken_for_the_old_one(
    server: Server,
) -> None:
    client = await server.connect()
    pid = client.info.backend_pid

    async def stubborn() -> None:
        await _quietly(client, SLEEP)
        await _quietly(client, SLEEP)

    task = asyncio.create_task(stubborn())
    server.stack.push_async_callback(_cancelled, task)
    await asyncio.sleep(0.3)

    operation = await server.bench.run(f"db cancel {pid} report runs for an hour")

    assert operation.state is OperationState.DONE
    assert f"{pid} runs the same query anew" in await server.bench.evidence(operation)


@pytest.mark.row("J3")
async def test_another_query_than_the_one_that_was_shown_is_not_cancelled(server: Server) -> None:
    client = await server.busy("select pg_sleep(1)")
    await server.bench.type(f"db cancel {client.info.backend_pid} report runs for an hour")
    operation = await server.bench.newest()
    await asyncio.sleep(1)
    innocent = asyncio.create_task(client.execute("select pg_sleep(2)"))
    await asyncio.sleep(0.3)

    card = await server.bench.engine.approval.confirm(server.bench.context(), operation.id)

    assert card.state is PlanState.OUTDATED
    assert (await innocent).rowcount == 1


@pytest.mark.row("J3")
async def test_kill_ends_one_connection_and_no_other(server: Server) -> None:
    victim, other = await server.busy(), await server.busy()

    operation = await server.bench.run(f"db kill {victim.info.backend_pid} holds up payments")

    assert operation.state is OperationState.DONE, await server.bench.evidence(operation)
    assert str(other.info.backend_pid) in await server.bench.says("db")
    with pytest.raises(psycopg.Error):
        await victim.execute("select 1")


@pytest.mark.row("J3")
async def test_a_pid_that_is_another_connection_by_the_time_it_is_confirmed_is_left_alone(server: Server) -> None:
    client = await server.busy()
    await server.bench.type(f"db kill {client.info.backend_pid} gone in a moment")
    operation = await server.bench.newest()
    await client.cancel_safe()
    await client.close()
    await asyncio.sleep(0.2)

    with pytest.raises(NotFound, match="No client's connection"):
        await server.bench.engine.approval.confirm(server.bench.context(), operation.id)


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """A server that the test may restart: its conninfo, and what restarts it."""
    with restartable_server(tmp_path) as server:
        yield server


_STREAM = """
import sys
from psycopg import pq
server = pq.PGconn.connect(sys.argv[1].encode())
position = server.exec_(b"IDENTIFY_SYSTEM").get_value(0, 2)
server.exec_(b"START_REPLICATION " + position)
print(server.backend_pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.row("J3")
@pytest.mark.timeout(120)
async def test_who_sends_the_log_to_a_replica_is_no_client_and_is_never_ended(
    bench: Bench, own_server: tuple[str, tuple[str, ...]]
) -> None:
    """Its state is active for as long as it lives: the runbook's own statement ends it."""
    conninfo, restart = own_server
    with psycopg.connect(conninfo, autocommit=True) as admin:
        admin.execute("alter system set wal_level = replica")
        admin.execute("alter system set max_wal_senders = 4")
    await bench.live.host.run(restart, lock=None)
    make_roles(conninfo)
    bench_on(bench, conninfo)
    copier = make_conninfo(conninfo, user="copier", replication="true")
    streaming = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _STREAM, copier), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert streaming.stdout
    pid = int(await asyncio.wait_for(streaming.stdout.readline(), 20))

    with psycopg.connect(conninfo) as admin:
        found = admin.execute("select backend_type, state from pg_stat_activity where pid = %s", [pid]).fetchone()
    with pytest.raises(NotFound, match="No client's connection"):
        await bench.type(f"db kill {pid} looks busy")
    shown = await bench.says("db")
    await streaming.communicate(b"")

    assert found == ("walsender", "active")
    assert "replicates" in shown


@pytest.mark.row("J3")
async def test_superusers_and_roles_that_replicate_are_not_touched(server: Server) -> None:
    superuser = dict(part.split("=", 1) for part in server.conninfo.split())["user"]
    boss, copier = await server.connect(superuser), await server.connect("copier")

    for client, why in ((boss, "superuser"), (copier, "replicates")):
        with pytest.raises(Conflict, match=f"not touched: .*{why}"):
            await server.bench.type(f"db kill {client.info.backend_pid} looks busy")


async def test_an_idle_connection_has_no_query_to_cancel(server: Server) -> None:
    client = await server.connect()

    with pytest.raises(Conflict, match="runs no query"):
        await server.bench.type(f"db cancel {client.info.backend_pid} tidy up")

    await client.execute("begin")
    with pytest.raises(Conflict, match="runs no query"):
        await server.bench.type(f"db cancel {client.info.backend_pid} tidy up")


@pytest.mark.row("J4")
@pytest.mark.timeout(120)
async def test_a_restart_is_done_when_a_newer_server_answers(
    bench: Bench, own_server: tuple[str, tuple[str, ...]]
) -> None:
    conninfo, restart = own_server
    bench_on(bench, conninfo, restart=restart)

    operation = await bench.run("db restart does not answer")

    assert operation.state is OperationState.DONE, await bench.evidence(operation)
    assert "running since" in await bench.evidence(operation)


@pytest.mark.row("J4")
async def test_a_restart_that_reports_success_and_restarts_nothing_has_failed(bench: Bench, database: str) -> None:
    """As `systemctl restart postgresql` on Debian, whose unit runs /bin/true."""
    bench_on(bench, database, restart=("true",))
    give_up_after(timedelta(), "database.restart", registry=bench.registry)

    operation = await bench.run("db restart does not answer")

    assert operation.state is OperationState.FAILED
    assert "nothing was restarted" in await bench.evidence(operation)


@pytest.mark.row("J4")
async def test_a_database_that_nothing_here_restarts_is_refused(bench: Bench, database: str) -> None:
    bench_on(bench, database)

    with pytest.raises(Conflict, match="nothing that restarts the database"):
        await bench.type("db restart please")
