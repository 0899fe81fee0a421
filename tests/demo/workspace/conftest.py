"""A bare Bolt app in a local workspace, over either transport."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.demo.workspace import Workspace
from bot.demo.workspace.values import Json
from tests.demo.workspace.shapes import Shapes

TRANSPORTS = ("socket", "http")
Serve = Callable[[AsyncApp], Awaitable[None]]


@pytest.fixture
def shapes() -> Shapes:
    """Holds every payload of the workspace against the shape tables."""
    return Shapes()


@pytest.fixture
async def ws(shapes: Shapes) -> AsyncIterator[Workspace]:
    """A workspace that gives an app one second to ack, and tries an event three times in quick succession."""
    async with Workspace.open(ack_seconds=1, retry_delays=(0, 0.05)) as workspace:
        workspace.observe(shapes.check)
        yield workspace
    assert shapes.faults == []


@pytest.fixture
async def client(ws: Workspace) -> AsyncIterator[AsyncWebClient]:
    """The bot's Web API client, on one session."""
    async with aiohttp.ClientSession() as session:
        yield AsyncWebClient(token=ws.bot_token, base_url=ws.api_url, session=session)


@pytest.fixture
def app(ws: Workspace, client: AsyncWebClient) -> AsyncApp:
    """A Bolt app with no listeners yet."""
    quiet = logging.getLogger("quiet")
    quiet.setLevel(logging.CRITICAL)
    return AsyncApp(
        client=client,
        signing_secret=ws.signing_secret,
        process_before_response=True,
        ignoring_self_events_enabled=False,
        logger=quiet,
    )


@pytest.fixture
def acted(app: AsyncApp) -> list[Json]:
    """The bodies of all interactions, each acked with nothing."""
    bodies: list[Json] = []

    async def hear(ack: AsyncAck, body: Json) -> None:
        bodies.append(body)
        await ack()

    for action_id in ("go", "pick", "more"):
        app.action(action_id)(hear)
    app.shortcut("note")(hear)
    app.view("ask")(hear)
    app.view_closed("ask")(hear)
    return bodies


@pytest.fixture(params=TRANSPORTS)
async def serve(request: pytest.FixtureRequest, ws: Workspace) -> AsyncIterator[Serve]:
    """Connects an app to the workspace, over Socket Mode and over signed HTTP."""
    async with AsyncExitStack() as stack:

        async def start(app: AsyncApp) -> None:
            connect = over_http if request.param == "http" else over_socket
            await stack.enter_async_context(connect(ws, app))

        yield start


@asynccontextmanager
async def over_socket(ws: Workspace, app: AsyncApp) -> AsyncIterator[AsyncSocketModeHandler]:
    """The app behind one Socket Mode connection."""
    handler = AsyncSocketModeHandler(
        app, ws.app_token, web_client=AsyncWebClient(base_url=ws.api_url), ping_interval=0.2
    )
    await handler.connect_async()  # type: ignore[no-untyped-call]
    async with asyncio.timeout(5):
        await ws.connected()
    try:
        yield handler
    finally:
        await handler.close_async()  # type: ignore[no-untyped-call]


@asynccontextmanager
async def over_http(ws: Workspace, app: AsyncApp) -> AsyncIterator[str]:
    """The app behind signed HTTP; gives its address."""
    server = app.web_app("/slack/events")
    runner = web.AppRunner(server, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    ws.request_url = f"http://{host}:{port}/slack/events"
    try:
        yield ws.request_url
    finally:
        ws.request_url = None
        await runner.cleanup()
