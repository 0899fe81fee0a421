"""Bring a database to the schema of this version; any number of processes may try at once."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import Connection

from bot.core.errors import IntegrationError

HEAD = "0002"
"""The newest revision, so that a database which is up to date costs no import of alembic (0.6 s)."""

_OLDEST_SERVER = 14
_LOCK = 0x6F7073626F74  # "opsbot"


def migrate(conninfo: str) -> None:
    """Apply what is missing, all or nothing.

    Raises `IntegrationError` when the server does not answer, is older than PostgreSQL 14, or when the database was
    made by a newer version of the bot.
    """
    try:
        with psycopg.connect(conninfo, autocommit=True, connect_timeout=5) as connection:
            server = connection.info.server_version // 10000
            if server < _OLDEST_SERVER:
                raise IntegrationError(
                    f"The database server is PostgreSQL {server}.", hint=f"It has to be {_OLDEST_SERVER} or newer."
                )
            connection.execute("select pg_advisory_lock(%s)", [_LOCK])
            if _revision(connection) != HEAD:
                _upgrade(conninfo)
    except psycopg.Error as error:
        raise IntegrationError(f"The database cannot be brought up to date: {error}") from error


def _revision(connection: Connection[Any]) -> str:
    if connection.execute("select to_regclass('alembic_version')").fetchone() == (None,):
        return ""
    row = connection.execute("select version_num from alembic_version").fetchone()
    return row[0] if row else ""


def _upgrade(conninfo: str) -> None:
    from alembic import command  # noqa: PLC0415 - see HEAD
    from alembic.config import Config  # noqa: PLC0415 - see HEAD
    from alembic.util import CommandError  # noqa: PLC0415 - see HEAD
    from sqlalchemy import NullPool, create_engine  # noqa: PLC0415 - see HEAD

    config = Config()
    config.set_main_option("script_location", "bot.store:migrations")
    config.set_main_option("path_separator", "os")
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(conninfo), poolclass=NullPool)
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise IntegrationError(
                "The database was made by a newer version of the bot.", hint="Install that version or a newer one."
            ) from error
        connection.commit()
