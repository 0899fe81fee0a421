"""What the stand-ins for engines remember between two calls: a JSON file, and real processes that serve HTTP.

A process stands for a container or for a unit's main process; all of them listen on one port, as behind a proxy.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

WORKER = Path(__file__).with_name("worker.py")

State = dict[str, Any]


@contextmanager
def opened(file: Path) -> Iterator[State]:
    """The state, written back at the end; whoever comes meanwhile waits."""
    with file.open("r+") as lines:
        fcntl.flock(lines, fcntl.LOCK_EX)
        state: State = json.load(lines)
        yield state
        lines.seek(0)
        lines.truncate()
        json.dump(state, lines)


def record(file: Path, argv: list[str]) -> State:
    """Note what was asked, with the names of the environment, and return what there is."""
    with opened(file) as state:
        state["calls"].append(argv)
        state["environment"] = sorted({*state["environment"], *os.environ})
        return state


def spawn(state: State, file: Path, *, hostname: str = "") -> int:
    """Start a process, and wait until it serves or has ended."""
    argv = [sys.executable, str(WORKER), str(file), str(state["port"]), state["env_file"], state["build"], hostname]
    process = subprocess.Popen(
        argv,
        env={"PATH": os.environ["PATH"]},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdout
    if not process.stdout.readline():
        process.wait()  # it says nothing any more, and is about to end
    return process.pid


def is_there(pid: int) -> bool:
    """True until it has ended; one that nobody has buried yet has."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def end(pid: int) -> None:
    """End a process and wait for it."""
    if not pid:
        return
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    while is_there(pid):
        time.sleep(0.01)


def now() -> str:
    """As engines write it."""
    return datetime.now(UTC).isoformat()
