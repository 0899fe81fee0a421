"""Heap snapshots of Node: a signal to a worker that was started with `--heapsnapshot-signal=SIGUSR2`."""

from __future__ import annotations

import re
import shlex
import signal
from collections.abc import Sequence
from datetime import timedelta

from pydantic import Field

from bot.core.errors import IntegrationError
from bot.core.heap import HeapSnapshots, Room, Snapshot, Standing
from bot.core.integration import Integration, IntegrationConfig
from bot.core.ports import Host
from bot.core.run_as import Account, output

_SIGNAL = signal.SIGUSR2
_WITHIN = timedelta(seconds=20)
_END = "]}"
"""How the JSON of a snapshot ends; Node writes nothing for seconds, so that a size that stays says little."""


class Config(IntegrationConfig):
    """Where workers that were started with `--heapsnapshot-signal=SIGUSR2` write their snapshots."""

    folder: str = Field(
        title="Folder",
        pattern="^/",
        description="The workers' `--diagnostic-dir`; nobody but their user may enter it.",
    )
    run_as: str = Field(
        "",
        title="Run as",
        pattern=r"^([a-z_][a-z0-9_-]*)?$",
        description="User of the workers, reached by `sudo -n`; empty when the bot is that user.",
    )


class NodeHeap:
    """What a process catches is asked of the kernel: PM2 overwrites the command line that would tell."""

    def __init__(self, config: Config, *, host: Host) -> None:
        self.folder = config.folder.rstrip("/")
        self._account = Account(host, config.run_as)

    async def standing(self, pid: int) -> Standing:
        """See `HeapSnapshots`."""
        status = await self._say(("cat", f"/proc/{pid}/status"))
        caught = re.search(r"^SigCgt:\s*([0-9a-f]+)$", status, re.MULTILINE)
        resident = re.search(r"^VmRSS:\s*(\d+) kB$", status, re.MULTILINE)
        if caught is None or resident is None:
            raise IntegrationError(f"The kernel does not tell how process {pid} is: it may be ending.")
        return Standing(int(resident[1]) * 1024, is_ready=bool(int(caught[1], 16) >> (_SIGNAL - 1) & 1))

    async def room(self) -> Room:
        """See `HeapSnapshots`."""
        free = await self._say(("df", "-B1", "--output=avail", "--", self.folder))
        memory = re.search(r"^MemAvailable:\s*(\d+) kB$", await self._say(("cat", "/proc/meminfo")), re.MULTILINE)
        mode = await self._say(("stat", "-L", "-c", "%a", "--", self.folder))
        return Room(int(free.split()[-1]), int(memory[1]) * 1024 if memory else 0, int(mode, 8))

    async def ask(self, pid: int) -> str:
        """See `HeapSnapshots`."""
        argv = self.ask_argv(pid)
        await self._say(argv)
        return shlex.join(argv)

    def ask_argv(self, pid: int) -> tuple[str, ...]:
        """See `HeapSnapshots`."""
        return ("kill", "-s", _SIGNAL.name.removeprefix("SIG"), str(pid))

    async def of(self, pid: int) -> tuple[Snapshot, ...]:
        """See `HeapSnapshots`."""
        named = ("-name", f"Heap.*.{pid}.*.heapsnapshot")
        listed = await self._say(
            ("find", self.folder, "-maxdepth", "1", "-type", "f", *named, "-printf", "%s %m %p\\n")
        )
        found = []
        for line in sorted(listed.splitlines()):
            size, mode, path = line.split(" ", 2)
            end = await self._say(("tail", "-c", "16", "--", path))
            found.append(Snapshot(path, int(size), int(mode, 8), complete=end.rstrip().endswith(_END)))
        return tuple(found)

    async def ping(self) -> str:
        """How much room there is for snapshots, and whether others may read them."""
        room = await self.room()
        return f"{self.folder} has mode {room.mode:o} and {room.disk / 1e9:.1f} GB free"

    async def _say(self, argv: Sequence[str]) -> str:
        """What a command says; `IntegrationError` when it fails."""
        return output(await self._account.run(argv, within=_WITHIN), argv[0])


INTEGRATION = Integration("heap", Config, NodeHeap, provides=(HeapSnapshots,))
