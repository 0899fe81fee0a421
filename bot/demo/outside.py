"""The gateway as it is, read past the bot: its file, its processes, its answers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus

import aiohttp

from bot.demo.gateway import Gateway

_KEY = "ENABLE_MAINTENANCE_MODE"
_ASKS = 12
"""Connections on which each of two workers has answered with all but certainty."""


@dataclass(frozen=True, slots=True)
class Outside:
    """One look at the gateway; `paying` are the statuses that customers who pay got, by how many connections asked."""

    key: tuple[str, ...]
    online: frozenset[int]
    answering: frozenset[int]
    health: frozenset[int]
    maintenance: frozenset[object]
    paying: frozenset[int]

    @property
    def keeps_customers_out(self) -> bool:
        """Every worker turns customers away, and every worker is healthy."""
        return self.paying == {HTTPStatus.SERVICE_UNAVAILABLE} and self.healthy and self.maintenance == {True}

    @property
    def serves_customers(self) -> bool:
        """No customer is turned away, and every worker is healthy."""
        return HTTPStatus.SERVICE_UNAVAILABLE not in self.paying and self.healthy and self.maintenance == {False}

    @property
    def healthy(self) -> bool:
        """Every worker that PM2 calls online answers, and answers well."""
        return bool(self.online) and self.online == self.answering and self.health == {HTTPStatus.OK}

    def __str__(self) -> str:
        """What was seen, in a line."""
        paying = "/".join(str(int(status)) for status in sorted(self.paying))
        return f"{', '.join(self.key) or 'key absent'}; pids {sorted(self.online)}; a payment gets {paying}"


async def look(gateway: Gateway) -> Outside:
    """Look at the file, at PM2's list and at what the workers answer; nobody there answers as status 0."""
    lines = gateway.env_file.read_text(encoding="utf-8").splitlines()
    workers = await gateway.workers()
    health = await asyncio.gather(*(_get(gateway, "/health") for _ in range(_ASKS)))
    paying = await asyncio.gather(*(_get(gateway, "/api/payments", method="POST") for _ in range(_ASKS)))
    return Outside(
        key=tuple(line for line in lines if line.startswith(f"{_KEY}=")),
        online=frozenset(worker.pid for worker in workers if worker.status == "online"),
        answering=frozenset(pid for _, body in health if isinstance(pid := body.get("pid"), int)),
        health=frozenset(status for status, _ in health),
        maintenance=frozenset(body.get("maintenance") for _, body in health),
        paying=frozenset(status for status, _ in paying),
    )


async def _get(gateway: Gateway, path: str, *, method: str = "GET") -> tuple[int, dict[str, object]]:
    try:
        # A payment without an amount: refused as invalid when the gateway is open, so that it charges nobody.
        return await gateway.http(path, method=method, payload={} if method == "POST" else None)
    except (aiohttp.ClientError, TimeoutError):
        return 0, {}
