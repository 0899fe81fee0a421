"""The bot's own HTTP server: Slack's route, webhooks, liveness, readiness and metrics."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from bot.core.errors import OpsbotError
from bot.web.slack_route import SlackRoute
from bot.web.webhooks import Webhooks

Check = Callable[[], Awaitable[None]]
"""Raises `OpsbotError` with the reason when its part cannot do its work now."""

_LARGEST_BODY = 1024**2
_CHECK_WITHIN = 2.0  # seconds


def build(
    *,
    slack: SlackRoute | None,
    checks: Mapping[str, Check],
    metrics: CollectorRegistry,
    webhooks: Webhooks | None = None,
) -> web.Application:
    """The application; `slack` is None where payloads come over Socket Mode. `checks` by name make up `/readyz`."""

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def readyz(_: web.Request) -> web.Response:
        reasons = dict(zip(checks, await asyncio.gather(*map(_reason, checks.values())), strict=True))
        ready = not any(reasons.values())
        body = {"ready": ready, "checks": {name: reason or "ok" for name, reason in reasons.items()}}
        return web.json_response(body, status=HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE)

    async def exposition(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(metrics), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application(client_max_size=_LARGEST_BODY)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", exposition)
    if slack is not None:
        app.router.add_post("/slack/events", slack.handle)
    if webhooks is not None:
        webhooks.add_to(app)
    return app


async def _reason(check: Check) -> str:
    """Why a check says no; empty when it does not."""
    try:
        async with asyncio.timeout(_CHECK_WITHIN):
            await check()
    except OpsbotError as error:
        return str(error)
    except TimeoutError:
        return f"no answer within {_CHECK_WITHIN:g} s"
    return ""


@asynccontextmanager
async def serving(app: web.Application, *, host: str, port: int) -> AsyncIterator[int]:
    """Serve `app` while the block runs and yield the port; at the end requests in hand are finished."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=5)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
