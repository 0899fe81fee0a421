"""Bring a database to the schema of this version; any number of processes may try at once."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import Connection

from bot.core.errors import IntegrationError

HEAD = "0021"
"""The newest revision, so that alembic is imported only for a database that lacks one."""

OLDEST_SERVER = 14

_LOCK = 0x6F7073626F74  # "opsbot"


def migrate(conninfo: str) -> None:
    """Apply what is missing, all or nothing.

    Raises `IntegrationError` when the server does not answer, is older than PostgreSQL 14, or when the database was
    made by a newer version of the bot.
    """
    try:
        with psycopg.connect(conninfo, autocommit=True, connect_timeout=5) as connection:
            refuse_old(connection.info.server_version)
            connection.execute("select pg_advisory_lock(%s)", [_LOCK])
            if _revision(connection) != HEAD:
                from bot.store.upgrade import upgrade  # noqa: PLC0415 - see HEAD

                upgrade(conninfo)
    except psycopg.Error as error:
        raise IntegrationError(f"The database cannot be brought up to date: {error}") from error


def refuse_old(server_version: int) -> None:
    """Raise `IntegrationError` when a server (as libpq numbers it: 130012 is 13.12) is too old for the bot."""
    if server_version // 10000 < OLDEST_SERVER:
        raise IntegrationError(
            f"The database server is PostgreSQL {server_version // 10000}.",
            hint=f"It has to be PostgreSQL {OLDEST_SERVER} or newer.",
        )


def _revision(connection: Connection[Any]) -> str:
    if connection.execute("select to_regclass('alembic_version')").fetchone() == (None,):
        return ""
    row = connection.execute("select version_num from alembic_version").fetchone()
    return row[0] if row else ""
