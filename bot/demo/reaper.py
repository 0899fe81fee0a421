"""A small process of its own that ends what the demo started, however the demo ends.

It waits on a pipe that the owner holds. When the owner closes it, or dies of whatever cause, the kernel closes the pipe
and the reaper ends the owner's processes. They are known by what they cannot lose: a variable in their environment, or
the folder that they serve. So pids that were reused and daemons that were restarted meanwhile are told apart.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

_PM2_PATIENCE = 8.0  # seconds; PM2 ends its workers one after the other, each within its kill_timeout
_PATIENCE = 4.0
_SCRATCH_PATIENCE = 30.0  # for others' reapers, which know what they end by the folder where it runs
_ROUNDS = 6  # what dies may have just started another
_POLL = 0.02
_POSTGRES = frozenset({"postgres", "pg_ctl", "initdb", "sh"})  # the server, and what starts one


@dataclass(frozen=True, slots=True)
class Estate:
    """What is to be ended, and then removed."""

    environ: tuple[str, ...] = ()
    """`NAME=VALUE`: every process that has it in its environment. PM2 daemons go before their workers."""
    data: tuple[Path, ...] = ()
    """Data folders of Postgres and Redis servers: these write their titles over what their environment was."""
    scratch: tuple[Path, ...] = ()
    """Folders to remove in the end, once no process names them in its command line any more."""


class Reaper:
    """The owner's end of the pipe. Closing it is the only way to tear down, so that it is the well-trodden one."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @classmethod
    def start(cls, estate: Estate, *, hold: Sequence[int] = ()) -> Reaper:
        """Start the process, out of reach of Ctrl-C. It inherits the descriptors `hold` and so holds their locks."""
        # Isolated mode: neither the working folder nor this file's folder may shadow a module.
        argv = [sys.executable, "-I", str(Path(__file__).resolve()), *_to_argv(estate)]
        process = subprocess.Popen(
            argv,
            cwd="/",
            env={"PATH": os.defpath},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=tuple(hold),
            start_new_session=True,
        )
        return cls(process)

    @property
    def pid(self) -> int:
        """The reaper's own pid."""
        return self._process.pid

    def close(self) -> None:
        """Have everything torn down; returns when it is gone. Blocks for some seconds at most."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


def reap(estate: Estate) -> None:
    """End what belongs to `estate` and wait for it; nothing happens when nothing runs."""
    for _ in range(_ROUNDS):
        if not (found := list(_belonging(estate))):
            break
        # PM2 first and alone: it would start again a worker that was ended beside it.
        if daemons := [process for process in found if _is_pm2_daemon(process)]:
            _end(daemons, patience=_PM2_PATIENCE)
        else:
            _end(found, patience=_PATIENCE)
    for folder in estate.scratch:
        deadline = time.monotonic() + _SCRATCH_PATIENCE
        while _is_named(folder) and time.monotonic() < deadline:
            time.sleep(_POLL)
        shutil.rmtree(folder, ignore_errors=True)


def _is_named(folder: Path) -> bool:
    """Whether a process other than this one names the folder, or what is in it, in its command line."""
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and any(str(folder) in word for word in process.cmdline()):
                return True
        except psutil.Error:
            continue  # just gone
    return False


def _belonging(estate: Estate) -> Iterator[psutil.Process]:
    wanted = [entry.partition("=")[::2] for entry in estate.environ]
    folders = [folder.resolve() for folder in estate.data]  # as the servers report them
    for process in psutil.process_iter():
        try:
            environ = process.environ()
            mine = any(environ.get(name) == value for name, value in wanted)
            if (mine or _serves(process, folders)) and is_alive(process):
                yield process
        except (psutil.Error, OSError):
            continue  # another user's, or just gone


def _serves(process: psutil.Process, folders: Sequence[Path]) -> bool:
    """Whether the process is the Postgres or Redis server of one of the data folders, or is about to start it."""
    name = process.name()
    if name == "redis-server":
        return Path(process.cwd()) in folders
    if name not in _POSTGRES:
        return False
    arguments = process.cmdline()
    # Alone, or quoted in the command that pg_ctl hands to a shell.
    return any(str(folder) in arguments or f'"{folder}"' in arguments[-1] for folder in folders)


def is_alive(process: psutil.Process) -> bool:
    """Whether it runs still. A zombie does not: it waits for its parent, who may be waiting for the reaper."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _is_pm2_daemon(process: psutil.Process) -> bool:
    try:
        return any("God Daemon" in argument for argument in process.cmdline())
    except psutil.Error:
        return False


def _end(processes: Sequence[psutil.Process], *, patience: float) -> None:
    """Ask, wait `patience` seconds, then kill. psutil checks that a pid still is the same process."""
    for process in processes:
        _send(process)
    if stubborn := _wait(processes, patience=patience):
        for process in stubborn:
            _send(process, signal.SIGKILL)
        _wait(stubborn, patience=patience)


def _send(process: psutil.Process, how: signal.Signals | None = None) -> None:
    try:
        # SIGINT is Postgres's fast shutdown, which does not wait for its clients.
        process.send_signal(how or (signal.SIGINT if process.name() == "postgres" else signal.SIGTERM))
    except psutil.Error:
        return  # gone already


def _wait(processes: Sequence[psutil.Process], *, patience: float) -> list[psutil.Process]:
    """Wait up to `patience` seconds; returns those that live still."""
    deadline = time.monotonic() + patience
    while (alive := [process for process in processes if is_alive(process)]) and time.monotonic() < deadline:
        time.sleep(_POLL)
    return alive


def _to_argv(estate: Estate) -> Iterator[str]:
    for entry in estate.environ:
        yield f"--environ={entry}"
    for folder in estate.data:
        yield f"--data={folder}"
    for folder in estate.scratch:
        yield f"--scratch={folder}"


def _from_argv(argv: Sequence[str]) -> Estate:
    parser = argparse.ArgumentParser()
    parser.add_argument("--environ", action="append", default=[])
    parser.add_argument("--data", action="append", type=Path, default=[])
    parser.add_argument("--scratch", action="append", type=Path, default=[])
    found = parser.parse_args(argv)
    return Estate(tuple(found.environ), tuple(found.data), tuple(found.scratch))


def main() -> None:
    """Wait until the owner is gone, then tear down."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    sys.stdin.buffer.read()
    reap(_from_argv(sys.argv[1:]))


if __name__ == "__main__":
    main()
