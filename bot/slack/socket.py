"""Socket Mode over two connections, each of which comes back by asking for a new address every time."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

import aiohttp
import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.core.errors import IntegrationError, OutcomeUnknown
from bot.slack.client import translated
from bot.slack.runner import Runner

Receive = Callable[[dict[str, Any], Mapping[str, str]], Awaitable[tuple[int, dict[str, Any]]]]
"""Takes a payload and its retry headers; answers an HTTP status and the body of the ack (empty for a bare one)."""

CONNECTIONS = 2
_ACKED = 200
_HEARTBEAT = 5.0  # seconds; a half-open connection is seen after one and a half of them
_GREETING = 10.0  # seconds that Slack has to say hello
_LAST_WORDS = 10.0  # seconds that a connection is still read after Slack announced its end
_LONGEST_WAIT = 30.0  # seconds between two attempts to connect
_ACKS = timedelta(seconds=3)

log = structlog.get_logger(__name__)


class Sockets:
    """Keeps `CONNECTIONS` connections open: while one is replaced, the other receives.

    slack_sdk's own client is not used: after a `disconnect` whose next handshake fails it never comes back, because it
    tries its single-use address again and again, and it closes the old connection before it opens the new one.
    """

    def __init__(
        self, client: AsyncWebClient, *, app_token: str, session: aiohttp.ClientSession, receive: Receive
    ) -> None:
        self._client = client
        self._app_token = app_token
        self._session = session
        self._receive = receive
        self._open: set[aiohttp.ClientWebSocketResponse] = set()
        self._tasks = Runner()
        self._answers = Runner()
        self._arrived = asyncio.Event()
        self.interruptions = 0
        """How often the last connection was lost; what comes then is heard by nobody here."""

    @property
    def connected(self) -> int:
        """How many connections are open."""
        return len(self._open)

    async def check(self) -> None:
        """Raise `IntegrationError` when no connection is open."""
        if not self._open:
            raise IntegrationError("No Socket Mode connection is open.")

    async def start(self) -> None:
        """Open the connections and return when the first one is there."""
        for _ in range(CONNECTIONS):
            self._tasks.start(self._keep())
        await self._arrived.wait()

    async def stop(self) -> None:
        """Read no more, let what was read be acked, and close."""
        await self._tasks.drain(timedelta())
        await self._answers.drain(_ACKS)
        for ws in tuple(self._open):
            await ws.close()
        self._open.clear()

    async def _keep(self) -> None:
        attempt = 0
        while True:
            try:
                ws = await self._connect()
            except IntegrationError as error:
                wait = random.uniform(0.5, 1) * min(_LONGEST_WAIT, 0.5 * 2**attempt)  # noqa: S311 - spreads load only
                log.warning("slack.socket_failed", reason=str(error), retry_in=round(wait, 1))
                await asyncio.sleep(wait)
                attempt = min(attempt + 1, 10)
                continue
            attempt = 0
            leaving = asyncio.Event()
            self._tasks.start(self._serve(ws, leaving))
            await leaving.wait()

    async def _connect(self) -> aiohttp.ClientWebSocketResponse:
        with translated("open a Socket Mode connection"):
            url = (await self._client.apps_connections_open(app_token=self._app_token))["url"]
            ws = await self._session.ws_connect(url, heartbeat=_HEARTBEAT)
        try:
            greeting = await ws.receive_json(timeout=_GREETING)
        except (TypeError, ValueError, TimeoutError) as error:  # a TypeError: it was closed instead
            await ws.close()
            raise OutcomeUnknown("Slack opened a connection and did not greet.") from error
        if greeting.get("type") != "hello":
            await ws.close()
            raise IntegrationError(f"Slack refused the connection: {greeting.get('reason', 'no reason given')}.")
        self._open.add(ws)
        self._arrived.set()
        return ws

    async def _serve(self, ws: aiohttp.ClientWebSocketResponse, leaving: asyncio.Event) -> None:
        """Read one connection to its end; `leaving` is set as soon as a successor is wanted."""
        with suppress(TimeoutError):
            async with asyncio.timeout(None) as limit:
                async for frame in ws:
                    if frame.type is not aiohttp.WSMsgType.TEXT:
                        continue
                    envelope = json.loads(frame.data)
                    if envelope["type"] == "disconnect":
                        log.info("slack.socket_leaves", reason=envelope.get("reason"))
                        leaving.set()
                        limit.reschedule(asyncio.get_running_loop().time() + _LAST_WORDS)
                    elif "envelope_id" in envelope:
                        self._answers.start(self._answer(ws, envelope))
        self._open.discard(ws)
        self.interruptions += not self._open
        leaving.set()
        await ws.close()

    async def _answer(self, ws: aiohttp.ClientWebSocketResponse, envelope: dict[str, Any]) -> None:
        attempt = envelope.get("retry_attempt")
        retry = {"x-slack-retry-num": str(attempt)} if attempt else {}
        status, body = await self._receive(envelope["payload"], retry)
        if status != _ACKED:
            return  # not acked: Slack sends it again
        ack = {"envelope_id": envelope["envelope_id"]} | ({"payload": body} if body else {})
        with suppress(ConnectionError):  # the connection went away: Slack sends it again, and the double is dropped
            await ws.send_str(json.dumps(ack))
