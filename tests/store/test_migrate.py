import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from procrastinate.schema import SchemaManager
from psycopg.conninfo import make_conninfo

from bot.core.errors import IntegrationError
from bot.store.migrate import HEAD, migrate, refuse_old


@pytest.fixture
def empty(cluster: str) -> Iterator[str]:
    """The conninfo of a database without any table."""
    name = f"empty_{uuid4().hex}"
    with psycopg.connect(cluster, autocommit=True) as connection:
        connection.execute(f"create database {name}".encode())
        yield make_conninfo(cluster, dbname=name)
        connection.execute(f"drop database {name} with (force)".encode())


def tables(conninfo: str) -> set[str]:
    with psycopg.connect(conninfo) as connection:
        found = connection.execute("select tablename from pg_tables where schemaname = 'public'")
        return {name for (name,) in found}


async def test_two_that_migrate_an_empty_database_at_once_both_succeed(empty: str) -> None:
    await asyncio.gather(*(asyncio.to_thread(migrate, empty) for _ in range(2)))

    assert {"operations", "audit", "messages", "procrastinate_jobs", "alembic_version"} <= tables(empty)


def test_a_migrated_database_is_left_as_it_is(database: str) -> None:
    before = tables(database)

    migrate(database)

    assert tables(database) == before


def test_a_migration_that_fails_leaves_nothing_behind(empty: str) -> None:
    with psycopg.connect(empty) as connection:
        connection.execute("create table procrastinate_workers ()")

    with pytest.raises(IntegrationError, match="procrastinate_workers"):
        migrate(empty)

    assert tables(empty) == {"procrastinate_workers"}


def test_a_database_made_by_a_newer_version_is_refused(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("update alembic_version set version_num = '9999'")

    with pytest.raises(IntegrationError, match="newer version") as raised:
        migrate(database)

    assert raised.value.hint == "Install that version or a newer one."


def test_a_server_that_does_not_answer_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(IntegrationError, match="cannot be brought up to date"):
        migrate(f"host={tmp_path} dbname=opsbot")


def test_a_server_that_is_too_old_is_refused() -> None:
    with pytest.raises(IntegrationError, match="is PostgreSQL 13") as raised:
        refuse_old(130012)

    assert raised.value.hint == "It has to be PostgreSQL 14 or newer."


def test_the_newest_revision_is_the_one_that_start_up_compares_with() -> None:
    config = Config()
    config.set_main_option("script_location", "bot.store:migrations")
    config.set_main_option("path_separator", "os")

    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_the_queue_has_the_schema_that_was_migrated_to() -> None:
    """A new version of procrastinate may bring another schema: write a revision with the difference."""
    digest = hashlib.sha256(SchemaManager.get_schema().encode()).hexdigest()

    assert digest == "c70ec4b400a60ad9592787653aae5ae77ae41bf801d56b5bd2712751a07f2009"
