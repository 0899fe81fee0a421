"""What watches remember between one look and the next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg import AsyncConnection

from bot.core.watches import Pulse
from bot.store.rows import dump, load


class Watches:
    """Table `watches`, a row for each check that is watched on a service."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection

    async def lock(self, service: str) -> Mapping[str, Pulse]:
        """Those of a service, which nobody else changes until this transaction ends."""
        # By the service's name: a row that is not there yet cannot be locked.
        await self._connection.execute("select pg_advisory_xact_lock(hashtextextended('watches:' || %s, 0))", [service])
        return await self.of(service)

    async def of(self, service: str) -> Mapping[str, Pulse]:
        """Those of a service, by check."""
        found = await self._connection.execute('select "check", pulse from watches where service = %s', [service])
        return {check: load(Pulse, pulse) for check, pulse in await found.fetchall()}

    async def services(self) -> tuple[str, ...]:
        """Those of which anything is remembered."""
        found = await self._connection.execute("select distinct service from watches order by service")
        return tuple([service async for (service,) in found])

    async def forget(self, service: str) -> None:
        """Remember nothing of a service any more."""
        await self._connection.execute("delete from watches where service = %s", [service])

    async def save(self, service: str, pulses: Mapping[str, Pulse]) -> None:
        """Write down what is to be remembered."""
        async with self._connection.cursor() as cursor:
            await cursor.executemany(
                """insert into watches (service, "check", pulse) values (%s, %s, %s)
                   on conflict (service, "check") do update set pulse = excluded.pulse""",
                [(service, check, dump(Pulse, pulse)) for check, pulse in pulses.items()],
            )
