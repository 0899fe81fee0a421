"""The bot's own HTTP server: Slack's route, webhooks, liveness, readiness and metrics."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from bot.core.readiness import Check, ailing
from bot.web.slack_route import SlackRoute
from bot.web.webhooks import Webhooks

_LARGEST_BODY = 1024**2


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
        reasons = await ailing(checks)
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
