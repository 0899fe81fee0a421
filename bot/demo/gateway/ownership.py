"""Owning a root folder: one gateway at a time, and a reaper that outlives its owner."""

from __future__ import annotations

import fcntl
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from bot.demo.gateway.commands import GatewayError
from bot.demo.gateway.layout import MARK, Layout
from bot.demo.reaper import Estate, Reaper, reap

_LOCK_PATIENCE = 20.0  # seconds; the reaper of an owner that was just killed may be at work
_POLL = 0.05


class Ownership:
    """The root's lock and the reaper that holds it too, so that the next owner finds nothing running."""

    def __init__(self, layout: Layout, *, lock: int) -> None:
        self.layout = layout
        self._lock = lock
        self._children: list[subprocess.Popen[bytes]] = []
        self._released = False
        estate = Estate(
            environ=(f"{MARK}={layout.root}", f"PM2_HOME={layout.pm2_home}"),
            data=(layout.cluster, layout.redis),
            scratch=layout.scratch,
        )
        reap(Estate(estate.environ, estate.data))  # left over, if an earlier reaper was killed as well
        self._reaper = Reaper.start(estate, hold=(lock,))

    @classmethod
    def take(cls, root: Path) -> Ownership:
        """Lock `root`, made when missing. Blocks. Raises GatewayError when another gateway holds on to it."""
        root = root.resolve()  # as Postgres and Redis report their folders
        root.mkdir(parents=True, exist_ok=True)
        lock = os.open(root / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _lock(lock, root)
            return cls(Layout.at(root), lock=lock)
        except BaseException:
            os.close(lock)
            raise

    def spawn(self, argv: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path, log: Path) -> None:
        """Start a process that runs until the release and writes to `log`; Ctrl-C does not reach it."""
        with log.open("wb") as out:
            child = subprocess.Popen(
                argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )
        self._children.append(child)

    def release(self) -> None:
        """Have everything torn down and give the root back; again is nothing. Blocks for some seconds at most."""
        if self._released:
            return
        self._released = True
        self._reaper.close()
        for child in self._children:
            child.wait()
        os.close(self._lock)


def _lock(descriptor: int, root: Path) -> None:
    """Lock the file and write our pid into it; wait while the holder is the reaper of an owner that has died."""
    deadline = time.monotonic() + _LOCK_PATIENCE
    while not _try_lock(descriptor):
        owner = os.pread(descriptor, 20, 0)
        if (owner.isdigit() and psutil.pid_exists(int(owner))) or time.monotonic() > deadline:
            raise GatewayError(f"another gateway is running in {root}")
        time.sleep(_POLL)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
