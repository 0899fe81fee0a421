"""The service's database."""

from __future__ import annotations

import asyncio
import hashlib
import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

import psycopg
from psycopg.rows import dict_row
from psycopg.sql import SQL, Composed
from pydantic import Field, SecretStr

from bot.core.database import Backend, Connections, Database, Exhausted, Index, Indexed, Replica
from bot.core.errors import IntegrationError
from bot.core.integration import Integration, IntegrationConfig
from bot.core.ports import EnvFile, Host

_TIMEOUT = 5  # seconds
_RESTART = timedelta(seconds=90)
_OF_OTHERS = frozenset({"schema", "pgbouncer", "connection_limit", "pool_timeout"})
_SHOWN = 20
_EXHAUSTED = ("too many", "remaining connection slots")
"""How a server refuses a client for whom it has no connection: while it connects no code of the error is told."""

# Clients only: the view also lists the server's own processes, and those that send the log to replicas.
_BACKENDS = SQL("""
    with b as (
    select a.pid, a.backend_start as started_at, a.usename as "user", a.application_name as application,
           coalesce(a.state, 'unknown') as state, coalesce(a.wait_event_type || ':' || a.wait_event, '') as waits_for,
           pg_blocking_pids(a.pid) as blocked_by, left(a.query, 500) as query,
           coalesce(now() - busy_since, '0') as busy, busy_since,
           case when r.rolsuper then 'it is a superuser''s'
                when r.rolreplication then 'it belongs to a role that replicates'
                when a.datname is distinct from current_database() then 'it is in another database'
                else '' end as protected
    from pg_stat_activity a join pg_roles r on r.oid = a.usesysid,
         lateral (select case when a.state = 'active' then a.query_start else a.xact_start end) as s (busy_since)
    where a.backend_type = 'client backend' and a.pid <> pg_backend_pid())
""")
_REPLICAS = SQL("""
    select application_name as name, coalesce(state, 'unknown') as state,
           pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::bigint as behind
    from pg_stat_replication where not pg_is_in_recovery()
""")
_TABLE = SQL("""
    select c.oid, pg_table_size(c.oid) as size, nullif(c.reltuples, -1)::bigint as rows,
           array(select a.attname::text from pg_attribute a
                 where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped order by a.attnum) as columns
    from pg_class c where c.oid = to_regclass(quote_ident(%s)) and c.relkind in ('r', 'p', 'm')
""")
_INDEXES = SQL("""
    select i.indexrelid::regclass::text as name, i.indisvalid as valid,
           array(select coalesce(a.attname::text, '')
                 from unnest(i.indkey) with ordinality as k (attnum, at)
                 left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
                 where k.at <= i.indnkeyatts order by k.at) as columns
    from pg_index i where i.indrelid = %s and i.indpred is null order by name
""")
_GUARD = SQL("from b where pid = %s and started_at = %s and protected = ''")


class Config(IntegrationConfig):
    """How the service's database is reached; the address is never shown."""

    env_key: str = Field("DATABASE_URL", title="Key", description="Key of the service's env file with the address.")
    url: SecretStr = Field(SecretStr(""), title="URL", description="The address itself, in place of that key.")
    restart: tuple[str, ...] = Field(
        (),
        title="Restart",
        description="What restarts the server, such as [sudo, -n, /usr/local/sbin/opsbot-host, restart-unit, "
        "postgresql@15-main]; empty for a server on another machine.",
    )


class ServiceDatabase:
    """Connects anew for each question and waits five seconds at most."""

    def __init__(self, config: Config, *, env: EnvFile, host: Host) -> None:
        self._config = config
        self._env = env
        self._host = host

    async def connections(self) -> Connections:
        """See `Database`."""
        backends = [_backend(row) for row in await self._ask(_BACKENDS + SQL("select * from b order by busy desc"))]
        states = sorted({backend.state for backend in backends})
        limit = await self._ask(SQL("select current_setting('max_connections')::int as max"))
        replicas = await self._ask(_REPLICAS)
        return Connections(
            limit=limit[0]["max"],
            by_state={state: sum(backend.state == state for backend in backends) for state in states},
            backends=tuple(backend for backend in backends if backend.busy or backend.blocked_by)[:_SHOWN],
            replicas=tuple(Replica(**row) for row in replicas),
        )

    async def backend(self, pid: int) -> Backend | None:
        """See `Database`."""
        rows = await self._ask(_BACKENDS + SQL("select * from b where pid = %s"), [pid])
        return _backend(rows[0]) if rows else None

    async def cancel(self, pid: int, *, started_at: datetime, since: datetime) -> bool:
        """See `Database`."""
        guard = _GUARD + SQL(" and state = 'active' and busy_since = %s")
        values = [pid, started_at, since]
        rows = await self._ask(_BACKENDS + SQL("select pg_cancel_backend(pid) as done ") + guard, values)
        return any(row["done"] for row in rows)

    async def terminate(self, pid: int, *, started_at: datetime) -> bool:
        """See `Database`."""
        rows = await self._ask(_BACKENDS + SQL("select pg_terminate_backend(pid) as done ") + _GUARD, [pid, started_at])
        return any(row["done"] for row in rows)

    async def indexed(self, table: str) -> Indexed | None:
        """See `Database`."""
        found = await self._ask(_TABLE, [table])
        if not found:
            return None
        rows = await self._ask(_INDEXES, [found[0]["oid"]])
        indexes = tuple(Index(row["name"], tuple(row["columns"]), row["valid"]) for row in rows)
        return Indexed(tuple(found[0]["columns"]), indexes, found[0]["size"], found[0]["rows"])

    async def running_since(self) -> datetime:
        """See `Database`."""
        since: datetime = (await self._ask(SQL("select pg_postmaster_start_time() as since")))[0]["since"]
        return since

    @property
    def restart_argv(self) -> tuple[str, ...]:
        """See `Database`."""
        return self._config.restart

    async def restart(self) -> str:
        """See `Database`."""
        what = hashlib.sha256(shlex.join(self.restart_argv).encode()).hexdigest()[:12]
        lock = f"/tmp/opsbot-database-{what}.lock"  # noqa: S108 - a lock file, of every replica that restarts this one
        done = await self._host.run(self.restart_argv, within=_RESTART, lock=lock)
        if done.code:
            last = next((line for line in reversed(done.err.splitlines()) if line.strip()), "nothing")
            raise IntegrationError(f"{self.restart_argv[0]} ended with {done.code} and said: {last.strip()[:300]}")
        return shlex.join(self.restart_argv)

    async def ping(self) -> str:
        """Which server answers a query."""
        [row] = await self._ask(SQL("select current_setting('server_version') as version"))
        return f"PostgreSQL {row['version']}"

    async def _ask(self, query: SQL | Composed, values: Sequence[object] = ()) -> list[dict[str, Any]]:
        url = self._config.url.get_secret_value() or (await self._env.read(self._config.env_key)).value
        if not url:
            raise IntegrationError(f"The env file has no {self._config.env_key}.", hint="Check database.env_key.")
        try:
            async with asyncio.timeout(_TIMEOUT):
                return await _rows(url, query, values)
        except TimeoutError as error:
            raise IntegrationError(f"The database did not answer within {_TIMEOUT} s.") from error
        except psycopg.Error as error:
            if any(words in str(error) for words in _EXHAUSTED):
                raise Exhausted("The database has no connection left for another client.") from None
            # Without the cause: some of psycopg's messages quote the address.
            raise IntegrationError(f"The database does not answer a query ({_reason(error)}).") from None


async def _rows(url: str, query: SQL | Composed, values: Sequence[object]) -> list[dict[str, Any]]:
    connecting = psycopg.AsyncConnection.connect(
        _for_libpq(url), connect_timeout=_TIMEOUT, application_name="opsbot", autocommit=True
    )
    async with await connecting as connection, connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query, values)
        return await cursor.fetchall()


def _backend(row: Mapping[str, Any]) -> Backend:
    return Backend(**{**row, "blocked_by": tuple(row["blocked_by"]), "busy": max(row["busy"], timedelta())})


def _for_libpq(url: str) -> str:
    """The address without parameters that only other drivers know; libpq refuses those."""
    address, _, query = url.partition("?")
    kept = [(name, value) for name, value in parse_qsl(query) if name not in _OF_OTHERS]
    return f"{address}?{urlencode(kept)}" if kept else address


def _reason(error: psycopg.Error) -> str:
    """A word on why that cannot hold a part of the address."""
    said = str(error).lower()
    known = ("password authentication failed", "connection refused", "timeout expired", "does not exist", "too many")
    return error.sqlstate or next((words for words in known if words in said), type(error).__name__)


INTEGRATION = Integration(name="database", config=Config, build=ServiceDatabase, provides=(Database,))
