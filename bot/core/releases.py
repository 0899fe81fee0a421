"""What is deployed on a host: one folder for each release, and a link that names the one that runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit: full SHA, when it was made, and the first line of its message."""

    sha: str
    at: datetime
    subject: str


@dataclass(frozen=True, slots=True)
class Current:
    """What the link names: its SHA, its folder, and the tracked files that were edited there by hand."""

    sha: str
    folder: str
    edited: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Built:
    """A release whose folder is on the host, and whether its build was finished."""

    sha: str
    folder: str
    finished: bool


class Releases(Protocol):
    """The releases of a service. Every SHA is a full one."""

    async def resolve(self, ref: str) -> str:
        """The commit that a tag, a branch or the beginning of a SHA means; `NotFound` when it means none."""
        ...

    async def current(self) -> Current:
        """What is deployed now; `Conflict` when the place is no link to a release."""
        ...

    async def before_by_hand(self) -> str | None:
        """What git says was checked out before in the current folder, for what was deployed without the bot."""
        ...

    async def names(self, sha: str) -> tuple[str, ...]:
        """The tags of a commit."""
        ...

    async def between(self, old: str, new: str, *, most: int) -> tuple[Commit, ...]:
        """Commits that are in `new` and not in `old`, the newest first."""
        ...

    async def migrations(self, one: str, other: str) -> tuple[str, ...]:
        """Files of schema migrations in which the two differ."""
        ...

    async def on_host(self) -> tuple[Built, ...]:
        """The releases that have a folder."""
        ...

    def folder(self, sha: str) -> str:
        """Where a release is, or will be."""
        ...

    async def build(self, sha: str) -> str:
        """Check the release out beside the others, and install and build it there; what runs is not touched."""
        ...

    async def building(self) -> str:
        """The command line and pid at which a build is just now, of whichever bot, dead ones too; may be empty."""
        ...

    async def smoke(self, sha: str) -> str:
        """Start the built release on a spare port, until it has answered with its SHA; `IntegrationError` if not."""
        ...

    async def switch(self, folder: str) -> str:
        """Make the link name `folder`, in one step; workers that start from now on run it."""
        ...
