"""The local Slack: one workspace with one app in it, served on loopback."""

import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

import aiohttp
from aiohttp import web

from bot.demo.workspace.announcer import Announcer
from bot.demo.workspace.control import Control
from bot.demo.workspace.core import Core
from bot.demo.workspace.crowd import Crowd
from bot.demo.workspace.delivery import Delivery
from bot.demo.workspace.directory import Directory
from bot.demo.workspace.faults import Faults
from bot.demo.workspace.feed import Feed
from bot.demo.workspace.hooks import Hooks
from bot.demo.workspace.ids import Ids, secret
from bot.demo.workspace.records import Identity
from bot.demo.workspace.seen import Seen
from bot.demo.workspace.signal import Signal
from bot.demo.workspace.signed import SignedHttp
from bot.demo.workspace.sockets import Sockets
from bot.demo.workspace.store import Store
from bot.demo.workspace.surfaces import Surfaces
from bot.demo.workspace.uploads import Uploads
from bot.demo.workspace.values import Clock, Json
from bot.demo.workspace.web import Call, WebApi

# What an app with a generous manifest has been granted.
SCOPES = frozenset(
    {
        "app_mentions:read",
        "bookmarks:read",
        "bookmarks:write",
        "canvases:write",
        "channels:history",
        "channels:join",
        "channels:manage",
        "channels:read",
        "chat:write",
        "commands",
        "files:read",
        "files:write",
        "groups:history",
        "groups:read",
        "groups:write",
        "im:history",
        "im:read",
        "im:write",
        "mpim:history",
        "mpim:read",
        "mpim:write",
        "pins:read",
        "pins:write",
        "reactions:read",
        "reactions:write",
        "team:read",
        "usergroups:read",
        "users:read",
        "users:read.email",
    }
)
_LARGEST_BODY = 64 * 1024 * 1024


def _now() -> datetime:
    return datetime.now(UTC)


class Workspace(Directory):
    """A Slack workspace with the bot installed. Start one with `Workspace.open`.

    `person`, `channel` and `group` fill it without raising events; what people do then raises them.
    """

    def __init__(self, core: Core, *, calls_kept: int) -> None:
        super().__init__(core)
        self.identity = core.store.identity
        self.url = core.store.base_url
        self.api_url = f"{self.url}/api/"
        self.faults = core.faults
        self.scopes = core.store.scopes
        self._api = WebApi(core, calls_kept=calls_kept)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        *,
        port: int = 0,
        clock: Clock = _now,
        request_url: str | None = None,
        ack_seconds: float = 3,
        retry_delays: Sequence[float] = (0, 60, 300),
        calls_kept: int = 100_000,
    ) -> AsyncIterator["Workspace"]:
        """Serves a workspace on 127.0.0.1 until the block ends.

        `clock` gives message times and ends triggers and response_urls; a `request_url` of None means Socket Mode.
        `retry_delays` are the seconds to wait before an event that was not acked is sent again, each time.
        """
        async with AsyncExitStack() as stack:
            listening = stack.enter_context(socket.create_server(("127.0.0.1", port)))
            session = await stack.enter_async_context(aiohttp.ClientSession())
            core = _assemble(
                f"http://127.0.0.1:{listening.getsockname()[1]}",
                clock=clock,
                session=session,
                ack_seconds=ack_seconds,
                retry_delays=retry_delays,
            )
            workspace = cls(core, calls_kept=calls_kept)
            workspace.request_url = request_url
            runner = web.AppRunner(workspace._application(), access_log=None, shutdown_timeout=1)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.SockSite(runner, listening).start()
            stack.push_async_callback(core.sockets.close)
            stack.push_async_callback(core.delivery.close)
            yield workspace

    def _application(self) -> web.Application:
        uploads = Uploads(self.core.store)
        application = web.Application(client_max_size=_LARGEST_BODY)
        application.add_routes(
            [
                web.route("*", "/api/{method}", self._api.api),
                web.post("/response/{team}/{token}", self._api.response_url),
                web.get("/link/", self.core.sockets.handle),
                web.post("/upload/v1/{file}", uploads.receive),
                web.get("/files-pri/{file}/{name}", uploads.send),
                web.route("*", "/control/{action}", Control(self, self._api).handle),
            ]
        )
        return application

    @property
    def bot_token(self) -> str:
        """The `xoxb-` token of the bot."""
        return self.identity.bot_token

    @property
    def app_token(self) -> str:
        """The `xapp-` token with which Socket Mode connects."""
        return self.identity.app_token

    @property
    def signing_secret(self) -> str:
        """The secret with which requests are signed."""
        return self.identity.signing_secret

    @property
    def control_token(self) -> str:
        """The token that the control API asks for."""
        return self.identity.control_token

    @property
    def team_id(self) -> str:
        """The workspace's id."""
        return self.identity.team_id

    @property
    def app_id(self) -> str:
        """The app's id."""
        return self.identity.app_id

    @property
    def bot_user_id(self) -> str:
        """The bot's user id."""
        return self.identity.bot_user_id

    @property
    def request_url(self) -> str | None:
        """Where payloads are posted, signed; None is Socket Mode."""
        return self.core.delivery.request_url

    @request_url.setter
    def request_url(self, url: str | None) -> None:
        self.core.delivery.request_url = url

    @property
    def subscriptions(self) -> set[str] | None:
        """The event names that the app's manifest subscribes (`message.channels`, `app_mention`); None is all."""
        return self.core.announcer.subscriptions

    @subscriptions.setter
    def subscriptions(self, names: set[str] | None) -> None:
        self.core.announcer.subscriptions = names

    @property
    def connections(self) -> int:
        """How many Socket Mode connections the app has open."""
        return self.core.sockets.count

    async def connected(self) -> None:
        """Waits until the app has a Socket Mode connection."""
        await self.core.sockets.arrived.wait()

    async def verify_request_url(self) -> bool:
        """Whether the request URL answers the challenge that Slack sends before it takes it."""
        return await self.core.delivery.verify()

    def unfurl(self, message: Seen, title: str) -> None:
        """Adds a link preview to a message, as Slack does by itself some time after it was posted."""
        stored = self.core.store.message(self.core.store.channels[message.channel], message.ts)
        self.core.feed.unfurl(
            stored, [{"title": title, "fallback": title, "from_url": "https://example.com/", "id": 1}]
        )

    # What the app did, and what it was sent.

    @property
    def calls(self) -> list[Call]:
        """The Web API calls of the app, oldest first; only the latest `calls_kept` are kept."""
        return list(self._api.calls)

    async def wait_for_call(
        self,
        method: str,
        wanted: Callable[[Call], bool] = lambda _: True,
        timeout: float = 10,  # noqa: ASYNC109 - the test says how patient it is
    ) -> Call:
        """The first call of this method that fits, made already or still to come."""

        def fits(item: object) -> Call | None:
            return item if isinstance(item, Call) and item.method == method and wanted(item) else None

        for call in self._api.calls:
            if fits(call) is not None:
                return call
        return await self.core.signal.wait(fits, seconds=timeout, what=f"call of {method}")

    def observe(self, observer: Callable[[str, Json], None]) -> None:
        """Shows each payload that is sent from now on to `observer`, with its envelope type."""
        self.core.delivery.observers.append(observer)

    def release(self, kind: str) -> None:
        """Delivers late what `faults.withhold` kept back."""
        self.core.delivery.release(kind)

    async def settled(self, timeout: float = 10) -> None:  # noqa: ASYNC109 - the test says how patient it is
        """Waits until the app has acked each event, or Slack has given it up."""
        await self.core.delivery.settled(timeout)


def _assemble(
    url: str, *, clock: Clock, session: aiohttp.ClientSession, ack_seconds: float, retry_delays: Sequence[float]
) -> Core:
    ids = Ids(clock)
    identity = Identity(
        team_id=ids.new("T"),
        team_name="local",
        app_id=ids.new("A"),
        bot_id=ids.new("B"),
        bot_user_id=ids.new("U"),
        bot_token=secret("xoxb-"),
        app_token=secret("xapp-1-"),
        signing_secret=secret(""),
        control_token=secret(""),
        verification_token=secret(""),
    )
    store = Store(ids=ids, identity=identity, base_url=url, scopes=set(SCOPES))
    signal = Signal()
    sockets = Sockets(identity.app_id)
    faults = Faults(sockets)
    http = SignedHttp(session=session, signing_secret=identity.signing_secret)
    delivery = Delivery(sockets=sockets, http=http, faults=faults, ack_seconds=ack_seconds, retry_delays=retry_delays)
    announcer = Announcer(store=store, delivery=delivery, signal=signal)
    feed = Feed(store=store, announcer=announcer)
    return Core(
        store=store,
        signal=signal,
        sockets=sockets,
        faults=faults,
        delivery=delivery,
        announcer=announcer,
        feed=feed,
        crowd=Crowd(store=store, feed=feed, announcer=announcer),
        hooks=Hooks(store=store, feed=feed, signal=signal),
        surfaces=Surfaces(store=store, signal=signal),
    )
