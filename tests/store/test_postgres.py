import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from bot.core.errors import Conflict, IntegrationError, OutcomeUnknown
from bot.core.records import Pending
from bot.store.embedded import EmbeddedPostgres
from bot.store.migrate import migrate
from bot.store.postgres import Postgres
from tests.conftest import AUDIT_KEY, Deferred, Job

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PENDING = Pending("p1", "form", "U1", "C1", {}, NOW)


def sever(database: str) -> None:
    """End every connection of the store, from outside, and wait until they have ended."""
    with psycopg.connect(database) as connection:
        connection.execute(
            """select pg_terminate_backend(pid, 5000) from pg_stat_activity
               where application_name = 'opsbot' and datname = current_database()"""
        )


async def claim(store: Postgres, key: str) -> bool:
    async with store.transaction() as tx:
        return await tx.claims.claim(key, at=NOW)


async def test_a_job_is_deferred_on_the_connection_of_the_transaction(store: Postgres, deferred: Deferred) -> None:
    async with store.transaction() as tx:
        await tx.jobs.defer("operation", lock="gw1:processes", args={"operation_id": "op1"})

    assert deferred.jobs == [Job("operation", "gw1:processes", {"operation_id": "op1"})]


async def test_a_transaction_that_raises_is_rolled_back(store: Postgres) -> None:
    async def claim_and_fail() -> None:
        async with store.transaction() as tx:
            await tx.claims.claim("a", at=NOW)
            raise TimeoutError

    with pytest.raises(TimeoutError):
        await claim_and_fail()

    assert await claim(store, "a")


async def test_a_row_that_is_there_already_is_a_conflict(store: Postgres) -> None:
    async def put() -> None:
        async with store.transaction() as tx:
            await tx.pending.put(PENDING)

    await put()

    with pytest.raises(Conflict, match="pending_pkey"):
        await put()


async def test_what_the_database_refuses_is_said_and_the_store_goes_on(store: Postgres) -> None:
    with pytest.raises(IntegrationError, match=r"refused: invalid input syntax for type json$"):
        async with store.transaction() as tx:
            await tx.remembered.put("a", float("nan"), at=NOW)

    assert await claim(store, "a")


async def test_a_connection_lost_in_a_transaction_is_an_error_and_the_next_one_works(
    store: Postgres, database: str
) -> None:
    async def lose() -> None:
        async with store.transaction() as tx:
            sever(database)
            await tx.claims.claim("a", at=NOW)

    with pytest.raises(IntegrationError, match="failed") as raised:
        await lose()

    assert not isinstance(raised.value, OutcomeUnknown)
    assert await claim(store, "a")


async def test_a_connection_lost_at_the_commit_leaves_the_outcome_unknown(store: Postgres, database: str) -> None:
    async def lose() -> None:
        async with store.transaction() as tx:
            await tx.claims.claim("a", at=NOW)
            sever(database)

    with pytest.raises(OutcomeUnknown):
        await lose()


async def test_connections_lost_while_idle_are_not_noticed_by_callers(store: Postgres, database: str) -> None:
    await asyncio.gather(*(claim(store, f"{n}") for n in range(8)))
    sever(database)

    assert await asyncio.gather(*(claim(store, f"more {n}") for n in range(8))) == [True] * 8


async def test_no_statement_may_take_for_ever(store: Postgres) -> None:
    async with store._pool.connection() as connection:
        row = await (await connection.execute("select current_setting('statement_timeout')")).fetchone()

    assert row == ("10s",)


async def test_ping_names_the_server(store: Postgres) -> None:
    assert (await store.ping()).startswith("PostgreSQL 1")


async def test_a_server_that_is_not_there_is_an_error_at_the_start(tmp_path: Path, deferred: Deferred) -> None:
    with pytest.raises(IntegrationError, match="does not answer"):
        async with Postgres.open(f"host={tmp_path} dbname=opsbot", defer=deferred, audit_key=AUDIT_KEY):
            pass


@pytest.fixture
def own_server() -> Iterator[tuple[EmbeddedPostgres, str]]:
    """A server that a test may stop, with a migrated database."""
    with TemporaryDirectory(prefix="opsbot-data-") as name:
        server = EmbeddedPostgres(Path(name))
        with server as conninfo:
            migrate(conninfo)
            yield server, conninfo


async def test_after_six_seconds_without_a_server_the_next_transaction_works_within_five(
    own_server: tuple[EmbeddedPostgres, str], deferred: Deferred
) -> None:
    server, conninfo = own_server
    async with Postgres.open(conninfo, defer=deferred, audit_key=AUDIT_KEY) as store:
        await claim(store, "before")

        await asyncio.to_thread(server.stop)
        stopped = time.monotonic()
        with pytest.raises(IntegrationError):
            await claim(store, "meanwhile")
        with pytest.raises(IntegrationError):
            await store.ping()
        await asyncio.sleep(6 - (time.monotonic() - stopped))
        await asyncio.to_thread(server.start)

        async with asyncio.timeout(5):
            assert await claim(store, "after")
