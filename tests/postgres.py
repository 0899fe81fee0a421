"""One Postgres cluster for a run of the tests, and a fresh migrated database for each test that asks."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psutil
import psycopg
from psycopg.conninfo import make_conninfo

from bot.store.embedded import EmbeddedPostgres
from bot.store.migrate import migrate
from tests.namespaces import PATH

TEMPLATE = "opsbot_template"


_PREFIX = "opsbot-tests-"


_MEMORY, _ENOUGH = Path("/dev/shm"), 2 << 30


def run_folder() -> Path:
    """Where the cluster of the run that this process began is; not below pytest's own folder, which others lock.

    In memory where there is enough of it: a database for each test is a copy of hundreds of files.
    """
    roomy = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ENOUGH
    return (_MEMORY if roomy else Path(tempfile.gettempdir())) / f"{_PREFIX}{os.getpid()}"


@contextmanager
def run_cluster(folder: Path) -> Iterator[str]:
    """The conninfo of the run's cluster, in which the first worker to come makes and migrates the template."""
    folder.mkdir(exist_ok=True)
    with EmbeddedPostgres(folder) as conninfo:
        with (folder / "template.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            _make_template(conninfo)
        yield conninfo


def _make_template(cluster: str) -> None:
    with psycopg.connect(cluster, autocommit=True) as connection:
        if connection.execute("select from pg_database where datname = %s", [TEMPLATE]).rowcount:
            return
        connection.execute("alter system set fsync = off")
        connection.execute("select pg_reload_conf()")
        connection.execute("drop database if exists making_template")
        connection.execute("create database making_template")
        migrate(make_conninfo(cluster, dbname="making_template"))
        connection.execute(f"alter database making_template rename to {TEMPLATE}")


def stop_cluster(folder: Path) -> None:
    """End a run's cluster, if its workers have left it running, and remove it."""
    if (folder / "pg" / "postmaster.pid").exists():
        with EmbeddedPostgres(folder, stop_always=True):
            pass
    shutil.rmtree(folder, ignore_errors=True)


def stop_left_behind() -> None:
    """End clusters of runs that were killed."""
    for folder in (*_MEMORY.glob(f"{_PREFIX}*"), *Path(tempfile.gettempdir()).glob(f"{_PREFIX}*")):
        if not psutil.pid_exists(int(folder.name.removeprefix(_PREFIX))):
            stop_cluster(folder)


@contextmanager
def fresh_database(cluster: str) -> Iterator[str]:
    """The conninfo of a copy of the template, dropped afterwards."""
    name = f"test_{uuid4().hex}"
    with psycopg.connect(cluster, autocommit=True) as connection:
        connection.execute(f"create database {name} template {TEMPLATE} strategy file_copy")
    yield make_conninfo(cluster, dbname=name)
    with psycopg.connect(cluster, autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)")


_CLOSING = (sys.executable, "-I", "-S", "-c", "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))")
"""What runs a command without the files that it inherits, as sudo does: a server that has the lock of the restart
which started it keeps every later one out."""


@contextmanager
def restartable_server(folder: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """A server that the test may restart: its conninfo, and what restarts it."""
    with EmbeddedPostgres(folder / "own", stop_always=True) as conninfo:
        with psycopg.connect(conninfo) as admin:
            (data,) = admin.execute("show data_directory").fetchone() or ("",)
        pid = int((Path(data) / "postmaster.pid").read_text().splitlines()[0])
        program = Path(f"/proc/{pid}/exe").resolve().with_name("pg_ctl")
        other = Path(data).stat().st_uid != os.geteuid()  # as root the server runs as a user of its own
        prefix = (shutil.which("runuser", path=PATH) or "runuser", "-u", Path(data).owner(), "--") if other else ()
        log = str(Path(data) / "restarted.log")
        yield conninfo, (*_CLOSING, *prefix, str(program), "restart", "-w", "-m", "fast", "-D", data, "-l", log)
