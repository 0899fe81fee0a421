"""The repositories of one transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from psycopg import AsyncConnection
from pydantic import JsonValue

from bot.store.audit import Audit
from bot.store.chain import Chain
from bot.store.claims import Claims
from bot.store.due import DueRows
from bot.store.entries import Entries
from bot.store.incidents import Incidents
from bot.store.leases import Leases
from bot.store.messages import Messages
from bot.store.operations import Operations
from bot.store.pending import PendingRows
from bot.store.remembered import Remembered
from bot.store.slots import Slots

Defer = Callable[[AsyncConnection[Any], str, str | None, Mapping[str, JsonValue]], Awaitable[None]]
"""Puts a job (task, lock, args) on the queue inside the transaction that the connection is in."""


class Jobs:
    """Durable jobs, deferred inside the transaction."""

    def __init__(self, connection: AsyncConnection[Any], defer: Defer) -> None:
        self._connection = connection
        self._defer = defer

    async def defer(self, task: str, *, lock: str | None = None, args: Mapping[str, JsonValue]) -> None:
        """Run `task` once this transaction has committed."""
        await self._defer(self._connection, task, lock, args)


class PostgresUnit:
    """What `records.Unit` asks for, on one connection that is in a transaction."""

    def __init__(self, connection: AsyncConnection[Any], *, defer: Defer, chain: Chain) -> None:
        self.due = DueRows(connection)
        self.operations = Operations(connection)
        self.leases = Leases(connection, self.due)
        self.jobs = Jobs(connection, defer)
        self.audit = Audit(connection, chain)
        self.incidents = Incidents(connection)
        self.messages = Messages(connection)
        self.entries = Entries(connection)
        self.slots = Slots(connection)
        self.claims = Claims(connection)
        self.pending = PendingRows(connection)
        self.remembered = Remembered(connection)
