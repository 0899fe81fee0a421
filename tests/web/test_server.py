from __future__ import annotations

import asyncio

import aiohttp
from prometheus_client import CollectorRegistry, Counter

from bot.core.errors import IntegrationError
from bot.core.readiness import Check
from bot.web.server import build, serving


async def get(path: str, *, metrics: CollectorRegistry | None = None, **checks: Check) -> tuple[int, str]:
    """Status and text of one request."""
    app = build(slack=None, checks=checks, metrics=metrics or CollectorRegistry())
    async with (
        serving(app, host="127.0.0.1", port=0) as port,
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}{path}") as response,
    ):
        return response.status, await response.text()


async def fine() -> None:
    """Nothing is wrong."""


async def down() -> None:
    """Something is wrong."""
    raise IntegrationError("The database does not answer.")


async def hang() -> None:
    """No answer."""
    await asyncio.sleep(60)


async def test_the_process_lives() -> None:
    assert await get("/healthz", store=down) == (200, "ok")


async def test_it_is_ready_when_all_its_parts_are() -> None:
    status, text = await get("/readyz", store=fine, worker=fine)

    assert status == 200
    assert '"ready": true' in text


async def test_it_is_not_ready_when_one_part_is_not_and_says_which() -> None:
    status, text = await get("/readyz", store=down, worker=fine, sockets=hang)

    assert status == 503
    assert '"store": "The database does not answer."' in text
    assert '"worker": "ok"' in text
    assert '"sockets": "no answer within 2 s"' in text


async def test_metrics_are_told() -> None:
    registry = CollectorRegistry()
    Counter("things", "Things.", registry=registry).inc()

    status, text = await get("/metrics", metrics=registry)

    assert status == 200
    assert "things_total 1.0" in text


async def test_there_is_no_slack_route_over_socket_mode() -> None:
    assert (await get("/slack/events"))[0] == 404
