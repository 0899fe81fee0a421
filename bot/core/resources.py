"""What the service's host has left: processor, memory, disks, files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Cpu:
    """The processor over a moment, in percent of all cores: at work, and waiting for a disk."""

    cores: int
    busy: float
    waiting: float


@dataclass(frozen=True, slots=True)
class Share:
    """So much of a whole is taken, in the unit of what it is about; `name` tells it from others of its kind."""

    used: float
    whole: float
    name: str = ""

    @property
    def percent(self) -> float:
        """The part that is taken; of nothing, nothing is."""
        return 100 * self.used / self.whole if self.whole else 0.0


class Resources(Protocol):
    """The host of a service, as its kernel tells it; each question can fail by itself."""

    async def cpu(self) -> Cpu:
        """The processor, between two looks a moment apart."""
        ...

    async def load(self) -> tuple[float, float, float]:
        """Processes that run or wait to run, over 1, 5 and 15 minutes."""
        ...

    async def memory(self) -> Share:
        """Bytes that programs hold; what the kernel gives back when they ask for it counts as free."""
        ...

    async def swap(self) -> Share:
        """Bytes of swap; a whole of 0 is a host without."""
        ...

    async def disks(self) -> tuple[Share, ...]:
        """Bytes of each disk, by its mount point; what is kept for root is no part of the whole."""
        ...

    async def inodes(self) -> tuple[Share, ...]:
        """Inodes of those that have a fixed number: without one no file can be made, however much space there is."""
        ...

    async def open_files(self, pid: int | None = None) -> Share:
        """Open files against the limit: of the whole host, or of one process."""
        ...

    async def uptime(self) -> timedelta:
        """How long it has been up."""
        ...
