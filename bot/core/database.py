"""The service's database: who is connected to it, and ending one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from bot.core.errors import IntegrationError


class Exhausted(IntegrationError):
    """The server answers, and has no connection left for another client."""


@dataclass(frozen=True, slots=True)
class Backend:
    """One connection of a client. `busy` is how long its query or open transaction has lasted, `busy_since` its begin.

    `query` is cut, and holds whatever the client put into it. `protected` says why it may not be ended, if so.
    """

    pid: int
    started_at: datetime
    user: str
    application: str
    state: str
    busy: timedelta
    busy_since: datetime | None
    waits_for: str
    blocked_by: tuple[int, ...]
    query: str
    protected: str = ""


@dataclass(frozen=True, slots=True)
class Replica:
    """One who replicates: `behind` in bytes, None when the server does not tell."""

    name: str
    state: str
    behind: int | None


@dataclass(frozen=True, slots=True)
class Connections:
    """Connections of clients by state, against the limit; `backends` are the busiest ones."""

    limit: int
    by_state: Mapping[str, int]
    backends: tuple[Backend, ...]
    replicas: tuple[Replica, ...]

    @property
    def count(self) -> int:
        """How many clients are connected."""
        return sum(self.by_state.values())


@dataclass(frozen=True, slots=True)
class Index:
    """One of a table. What is not `valid` is written with each row and never read: its build failed, or still runs."""

    name: str
    columns: tuple[str, ...]
    valid: bool


@dataclass(frozen=True, slots=True)
class Indexed:
    """A table: its columns, its indexes, bytes on disk, and rows as the server estimates them, if it has."""

    columns: tuple[str, ...]
    indexes: tuple[Index, ...]
    size: int
    rows: int | None


class Database(Protocol):
    """A Postgres server, as the role that the service or the bot has there."""

    async def connections(self) -> Connections:
        """How it stands; background processes of the server are no connections."""
        ...

    async def backend(self, pid: int) -> Backend | None:
        """One connection; None when there is none, or it is no client's."""
        ...

    async def cancel(self, pid: int, *, started_at: datetime, since: datetime) -> bool:
        """Cancel the query that this very connection runs `since` then; False when it is over, or may not be touched.

        The server cancels whatever the connection runs when it is told: a query that begins in between is hit instead.
        """
        ...

    async def terminate(self, pid: int, *, started_at: datetime) -> bool:
        """End this very connection; False when it is another one by now, or may not be touched."""
        ...

    async def indexed(self, table: str) -> Indexed | None:
        """One table, by its bare name as the role finds it; None when there is none."""
        ...

    async def running_since(self) -> datetime:
        """When the server was started; asking proves that it answers queries."""
        ...

    @property
    def restart_argv(self) -> tuple[str, ...]:
        """What restarts the server; empty when nothing is configured, as for a server on another machine."""
        ...

    async def restart(self) -> str:
        """Restart it; the command's success proves nothing."""
        ...
