"""What the runbook tunes: read from the real process manager, service and database, and proposed, never done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from bot.core.database import Database
from bot.core.errors import Conflict, IntegrationError, NotFound, UsageError
from bot.core.parts import State
from bot.core.ports import Gateway
from bot.core.processes import Declared, Supervisor
from bot.core.resources import Resources, Share
from bot.core.results import Fields
from commands.tuning import heap_limit
from integrations.postgres import Config, ServiceDatabase
from tests.commands.bench import Bench
from tests.fakes import DatabaseWithRoom, ServiceWithPool
from tests.postgres import fresh_database

MB = 1024**2


@dataclass(frozen=True, slots=True)
class Declares:
    """A process manager that tells this."""

    stored: Declared

    async def declared(self) -> Declared:
        """See `Supervisor`."""
        return self.stored


@dataclass(frozen=True, slots=True)
class HasMemory:
    """A host with so much of it."""

    whole: float

    async def memory(self) -> Share:
        """See `Resources`."""
        return Share(0, self.whole)


@pytest.fixture
def database(cluster: str) -> Iterator[str]:
    """A database of the service's own, with payments."""
    with fresh_database(cluster) as conninfo, psycopg.connect(conninfo, autocommit=True) as admin:
        admin.execute("create table payments (id int primary key, status text, customer text)")
        admin.execute("insert into payments select n, 'paid', 'c' || n / 2 from generate_series(1, 1000) n")
        admin.execute("analyze payments")
        yield conninfo


@pytest.fixture
def service(bench: Bench, database: str) -> Bench:
    parts = conninfo_to_dict(database)
    url = f"postgresql://{parts['user']}@/{parts['dbname']}?host={parts['host']}"
    bench.ports = {Database: ServiceDatabase(Config(url=SecretStr(url)), env=bench.live.env, host=bench.live.host)}
    return bench


async def states(bench: Bench, text: str) -> dict[str, State | None]:
    answer = await bench.type(text)
    assert isinstance(answer, Fields)
    return {field.name: field.state for field in answer.fields}


def execute(conninfo: str, statement: bytes) -> None:
    with psycopg.connect(conninfo, autocommit=True) as admin:
        admin.execute(statement)


@pytest.mark.row("P3")
async def test_the_heap_of_nodes_own_choice_is_told_with_one_that_fits(service: Bench) -> None:
    said = await service.says("tuning node")

    assert "Node's own choice" in said
    assert "512 MB" in said  # where PM2 restarts a worker, by the ecosystem file
    assert "--max-old-space-size=384" in said


@pytest.mark.row("P3")
@pytest.mark.parametrize(
    ("heap", "limit", "host", "shown"),
    [
        pytest.param(4096, 2048 * MB, 64_000 * MB, (State.WARN, 1536), id="beyond where it is restarted"),
        pytest.param(4096, None, 8192 * MB, (State.WARN, 3072), id="the runbook's on a host of 8 GB"),
        pytest.param(1024, 2048 * MB, 64_000 * MB, (State.OK, 1536), id="it fits"),
    ],
)
async def test_a_heap_is_too_large_where_a_worker_is_restarted_or_the_host_swaps_before(
    service: Bench, heap: int, limit: int | None, host: float, shown: tuple[State, int]
) -> None:
    stored = Declared(2, limit, arguments=("--trace-warnings", f"--max-old-space-size={heap}"))
    service.ports = {Supervisor: Declares(stored), Resources: HasMemory(host)}

    state, fits = shown
    assert (await states(service, "tuning node"))["Limit of the heap"] is state
    assert f"--max-old-space-size={fits}" in await service.says("tuning node")


@pytest.mark.row("P3")
async def test_a_manager_that_tells_no_flags_is_not_taken_for_none(service: Bench) -> None:
    service.ports = {Supervisor: Declares(Declared(2))}

    with pytest.raises(Conflict, match="does not tell with which flags"):
        await service.type("tuning node")


@pytest.mark.row("P3")
@pytest.mark.parametrize(
    ("flags", "heap"),
    [
        ("", None),
        ("--max-old-space-size=4096", 4096),
        ("--max_old_space_size 2048", 2048),
        ("--max-old-space-size=1 --inspect --max-old-space-size=2", 2),
        ("--max-semi-space-size=64", None),
    ],
)
def test_the_last_limit_of_the_heap_counts(flags: str, heap: int | None) -> None:
    assert heap_limit(flags) == heap


@pytest.mark.row("P4")
@pytest.mark.parametrize(
    ("limit", "state", "fits"), [(100, State.OK, "45"), (11, State.WARN, "4"), (8, State.FAIL, "3")]
)
async def test_the_pools_of_all_workers_are_held_against_the_databases_limit(
    bench: Bench, limit: int, state: State, fits: str
) -> None:
    bench.ports = {Gateway: ServiceWithPool(), Database: DatabaseWithRoom(limit, 7)}

    said = await bench.says("tuning pool")

    assert "10 (2 workers)" in said
    assert f"7 of {limit}" in said
    assert (await states(bench, "tuning pool"))["All workers together"] is state
    assert (f"at most {fits} for each worker" in said) is (state is not State.OK)


@pytest.mark.row("P4")
async def test_a_service_that_tells_no_pool_is_not_taken_for_one_that_fits(bench: Bench) -> None:
    bench.ports = {Gateway: ServiceWithPool(pool=None), Database: DatabaseWithRoom(100, 7)}

    with pytest.raises(IntegrationError, match=r"tells no pool\.max"):
        await bench.type("tuning pool")


@pytest.mark.row("P5")
async def test_a_column_without_an_index_gets_a_statement_that_does_not_stop_payments(
    service: Bench, database: str
) -> None:
    said = await service.says("tuning index payments status")
    statement = "CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_payments_status ON payments (status);"

    assert "about 1,000" in said
    assert statement in said
    execute(database, statement.encode())
    assert "CREATE INDEX" not in await service.says("tuning index payments status")
    assert (await states(service, "tuning index payments status"))["Found by"] is State.OK


@pytest.mark.row("P5")
async def test_an_index_whose_build_failed_is_no_index(service: Bench, database: str) -> None:
    with suppress(psycopg.errors.UniqueViolation):
        execute(database, b"create unique index concurrently idx_payments_customer on payments (customer)")

    said = await service.says("tuning index payments customer")

    assert "idx_payments_customer (invalid)" in said
    assert "DROP INDEX CONCURRENTLY idx_payments_customer;" in said
    assert (await states(service, "tuning index payments customer"))["Found by"] is State.FAIL


@pytest.mark.row("P5")
@pytest.mark.parametrize(
    "statement",
    [
        pytest.param(b"create index one on payments (id, status)", id="second in another"),
        pytest.param(b"create index one on payments (status) where status = 'new'", id="only of some rows"),
        pytest.param(b"create index one on payments (lower(status))", id="of an expression"),
    ],
)
async def test_an_index_that_does_not_find_the_column_is_none(service: Bench, database: str, statement: bytes) -> None:
    execute(database, statement)

    assert (await states(service, "tuning index payments status"))["Found by"] is State.WARN


@pytest.mark.row("P5")
async def test_what_is_not_there_is_said(service: Bench) -> None:
    with pytest.raises(NotFound, match="no table orders"):
        await service.type("tuning index orders status")
    with pytest.raises(NotFound, match="no column state"):
        await service.type("tuning index payments state")
    with pytest.raises(UsageError):
        await service.type("tuning index payments;drop status")
