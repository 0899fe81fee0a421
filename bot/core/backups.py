"""Making a backup, apart from reading the folder where backups land."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Room:
    """What the folder's file system has free: bytes, and inodes where it counts them."""

    size: int
    inodes: int | None


@dataclass(frozen=True, slots=True)
class Proof:
    """What reading a backup to its end found; `how` is empty where no test is known for its kind of file."""

    how: str
    fault: str = ""


class BackupMaker(Protocol):
    """What makes a backup. Every moment is told by the clock of its host, as the times of files are."""

    @property
    def argv(self) -> tuple[str, ...]:
        """The command line as people are shown it; empty when none is configured."""
        ...

    @property
    def timeout(self) -> timedelta:
        """How long it is waited for; what takes longer goes on under its lock."""
        ...

    async def now(self) -> datetime:
        """What time it is on the host, in whole seconds."""
        ...

    async def make(self) -> str:
        """Run it under its lock and say what it said; `IntegrationError` has its last error line when it fails."""
        ...

    async def holder(self) -> str:
        """What holds the lock; empty when nothing does."""
        ...

    async def written(self, since: datetime) -> int:
        """Bytes of all files of the folder that were changed since, whether they are finished or not."""
        ...

    async def room(self) -> Room:
        """What is free where backups land."""
        ...

    async def prove(self, path: str) -> Proof:
        """Read a backup to its end."""
        ...
