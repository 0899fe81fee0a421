"""The store on Postgres: a pool of connections, and transactions that hand out the repositories."""

from __future__ import annotations

import select
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.types.string import StrBinaryDumper, StrDumperUnknown
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from bot.core.errors import Conflict, IntegrationError, OutcomeUnknown
from bot.store.chain import Chain
from bot.store.jobs import Defer
from bot.store.rows import clean
from bot.store.unit import PostgresUnit

CONNECT_TIMEOUT = timedelta(seconds=5)
STATEMENT_TIMEOUT = timedelta(seconds=10)
IDLE_TIMEOUT = timedelta(minutes=1)

_NETWORK = {
    "connect_timeout": int(CONNECT_TIMEOUT.total_seconds()),
    # A line that was cut without a word is given up within about ten seconds.
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}


class Postgres:
    """The one store. Statements outside of `transaction` do not exist; inside it all commit together or not at all."""

    def __init__(self, pool: AsyncConnectionPool[AsyncConnection[Any]], *, defer: Defer, chain: Chain) -> None:
        self._pool = pool
        self._defer = defer
        self._chain = chain

    @classmethod
    @asynccontextmanager
    async def open(cls, conninfo: str, *, defer: Defer, audit_key: bytes, size: int = 8) -> AsyncIterator[Postgres]:
        """Connect to a migrated database; raises `IntegrationError` when it does not answer."""
        pool: AsyncConnectionPool[AsyncConnection[Any]] = AsyncConnectionPool(
            conninfo,
            kwargs={"autocommit": True, "application_name": "opsbot", **_NETWORK},
            min_size=1,
            max_size=size,
            timeout=CONNECT_TIMEOUT.total_seconds(),
            # After this the pool gives up, and the next transaction makes a new attempt at once: a server that was away
            # is used again as soon as it is back, where the pool's own backoff would wait for minutes.
            reconnect_timeout=2,
            configure=_configure,
            check=_check,
            open=False,
        )
        with _translated():
            await pool.open(wait=True, timeout=CONNECT_TIMEOUT.total_seconds())
        try:
            yield cls(pool, defer=defer, chain=Chain(audit_key))
        finally:
            await pool.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[PostgresUnit]:
        """One transaction: committed when the block ends, rolled back when it raises.

        Raises `Conflict` for a row that somebody else made first, `OutcomeUnknown` when the answer to the commit was
        lost, and `IntegrationError` for every other fault of the database.
        """
        committing = False
        with _translated(lambda: committing):
            async with self._pool.connection() as connection, connection.transaction():
                unit = PostgresUnit(connection, defer=self._defer, chain=self._chain)
                yield unit
                await unit.audit.flush()
                committing = True

    async def ping(self) -> str:
        """The server's version, for people; raises `IntegrationError` when it does not answer."""
        with _translated():
            async with self._pool.connection() as connection:
                await connection.execute("select 1 from operations limit 1")
                return f"PostgreSQL {connection.info.server_version // 10000}"


class _Clean:
    """Text as Postgres can hold it: one odd character in a message must not cost the message."""

    def dump(self, obj: str) -> bytes:
        try:
            return obj.encode() if "\0" not in obj else clean(obj).encode()
        except UnicodeEncodeError:
            return clean(obj).encode()


class _CleanBinaryDumper(_Clean, StrBinaryDumper):
    """For %b."""


class _CleanDumper(_Clean, StrDumperUnknown):
    """For %s."""


async def _configure(connection: AsyncConnection[Any]) -> None:
    connection.adapters.register_dumper(str, _CleanBinaryDumper)
    connection.adapters.register_dumper(str, _CleanDumper)
    for name, value in (
        ("timezone", "UTC"),
        ("statement_timeout", f"{STATEMENT_TIMEOUT.total_seconds():.0f}s"),
        ("idle_in_transaction_session_timeout", f"{IDLE_TIMEOUT.total_seconds():.0f}s"),
    ):
        await connection.execute("select set_config(%s, %s, false)", [name, value])


async def _check(connection: AsyncConnection[Any]) -> None:
    """Ask the server only when it has said something unasked, which is how a lost connection shows itself."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if poll.poll(0):
        await AsyncConnectionPool.check_connection(connection)


@contextmanager
def _translated(committing: Callable[[], bool] = lambda: False) -> Iterator[None]:
    try:
        yield
    except PoolTimeout as error:
        raise IntegrationError("The database does not answer.", hint="See `opsbot check`.") from error
    except psycopg.errors.UniqueViolation as error:
        raise Conflict(f"There is one already: {error.diag.constraint_name}.") from error
    except psycopg.OperationalError as error:
        if committing():
            raise OutcomeUnknown("The database was lost while it was committing.") from error
        raise IntegrationError(f"The database failed: {_said(error)}") from error
    except psycopg.Error as error:
        raise IntegrationError(f"The database refused: {_said(error)}") from error


def _said(error: psycopg.Error) -> str:
    """What the server said, without the detail that quotes the row."""
    return error.diag.message_primary or str(error)
