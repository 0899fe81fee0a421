"""Snapshots of a worker's heap, which stay on the host: they hold whatever the worker held, secrets too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A file in bytes; `complete` once its JSON has its end."""

    path: str
    size: int
    mode: int
    complete: bool


@dataclass(frozen=True, slots=True)
class Room:
    """What a snapshot needs of the host, in bytes; `mode` is the folder's."""

    disk: int
    memory: int
    mode: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A process: what it has in memory in bytes, and whether it catches the signal, which ends one that does not."""

    memory: int
    is_ready: bool


class HeapSnapshots(Protocol):
    """Has a process write a snapshot of its heap by a signal that it was started to catch."""

    folder: str

    async def standing(self, pid: int) -> Standing:
        """How a process is just now; `IntegrationError` when there is none."""
        ...

    async def room(self) -> Room:
        """What there is of disk and memory now."""
        ...

    async def ask(self, pid: int) -> str:
        """Send the signal and say what was run; the process stands still until the file is written."""
        ...

    def ask_argv(self, pid: int) -> tuple[str, ...]:
        """The command line of `ask`, as people are shown it."""
        ...

    async def of(self, pid: int) -> tuple[Snapshot, ...]:
        """The snapshots that processes with this pid have written so far."""
        ...
