"""Seven ways in which the gateway breaks, and the way back from each: what its watches are shown with."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import psycopg

from bot.demo.gateway.commands import GatewayError, run
from bot.demo.gateway.gateway import Gateway
from bot.demo.gateway.killing import kill_for_good
from bot.demo.gateway.wire import request

_STALE = 40 * 3600
_TRIES = 5
_SOME = 2
_MANY = 2000  # connections: more than any server of the demo takes


class Breakage:
    """Breaks a gateway for real; `mend` puts everything back."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._held = AsyncExitStack()
        self._ages: dict[Path, tuple[float, float]] = {}
        self.ways: Mapping[str, Callable[[], Awaitable[None]]] = {
            "crash": self._crash,
            "slow": lambda: self._provider("slow"),
            "errors": lambda: self._provider("errors"),
            "pool": self._fill_pool,
            "backup": self._age_backups,
            "provider": lambda: self._provider("down"),
            "worker": self._kill_worker,
        }

    async def break_(self, way: str) -> None:
        """Break it in one of `ways`; GatewayError when there is no such way, or no such part."""
        if way not in self.ways:
            raise GatewayError(f"It breaks by {', '.join(self.ways)}.")
        await self.ways[way]()

    async def mend(self) -> None:
        """Put back whatever was broken here."""
        gateway = self._gateway
        await self._held.aclose()
        for file, times in self._ages.items():
            if file.exists():
                os.utime(file, times)
        self._ages.clear()
        if gateway.provider_url:
            await self._provider("well")
        if not await self._is_up():
            await run(("git", "checkout", "--quiet", "v1.4.0"), env=gateway.env, cwd=gateway.app_dir)
            await self._restart()

    async def _is_up(self) -> bool:
        return all(worker.status == "online" for worker in await self._gateway.workers())

    async def _restart(self) -> None:
        """Start the workers that gave up; PM2 refuses while it starts one of them by itself."""
        gateway = self._gateway
        for left in reversed(range(_TRIES)):
            try:
                await run((*gateway.pm2, "restart", gateway.name), env=gateway.env, cwd=gateway.app_dir, within=60)
            except GatewayError:
                if not left:
                    raise
            else:
                return
            await asyncio.sleep(1)

    async def _crash(self) -> None:
        await self._gateway.deploy_by_hand("v1.3.0-badstart")

    async def _kill_worker(self) -> None:
        """Kill one of them until PM2 gives it up; the others go on."""
        up = [worker.pm_id for worker in await self._gateway.workers() if worker.pid]
        if len(up) < _SOME:
            raise GatewayError("There is no second worker that would go on.")
        await kill_for_good(self._gateway, up[0])

    async def _provider(self, how: str) -> None:
        if not self._gateway.provider_url:
            raise GatewayError("This gateway has no provider.")
        await request(f"{self._gateway.provider_url}/break?how={how}", method="POST")

    async def _fill_pool(self) -> None:
        """Take every connection that clients may have."""
        if not self._gateway.database_url:
            raise GatewayError("This gateway has no database.")
        for _ in range(_MANY):
            try:
                connection = await psycopg.AsyncConnection.connect(self._gateway.database_url, autocommit=True)
            except psycopg.OperationalError:
                return
            self._held.push_async_callback(connection.close)

    async def _age_backups(self) -> None:
        now = time.time()
        for file in self._gateway.backup_dir.iterdir():
            seen = file.stat()
            self._ages[file] = (seen.st_atime, seen.st_mtime)
            os.utime(file, (min(seen.st_atime, now - _STALE), min(seen.st_mtime, now - _STALE)))
