"""Looking at the gateway from outside, as a customer does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

import aiohttp

_TIMEOUT = aiohttp.ClientTimeout(total=10)


async def request(
    url: str, *, method: str = "GET", payload: Mapping[str, Any] | None = None
) -> tuple[int, dict[str, Any]]:
    """The status and JSON body of one request on a connection of its own. Raises aiohttp.ClientError, TimeoutError."""
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True), timeout=_TIMEOUT) as session,
        session.request(method, url, json=payload) as response,
    ):
        body: dict[str, Any] = await response.json()
        return response.status, body


async def health_by_pid(url: str, *, requests: int) -> dict[int, dict[str, Any]]:
    """What each worker answered to one of `requests` calls of /health; calls that nobody answers count for nothing."""
    found = {}
    for _ in range(requests):
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            _, body = await request(f"{url}/health")
            found[int(body["pid"])] = body
    return found


async def accepts(port: int) -> bool:
    """Whether somebody listens on this port of the loopback."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True
