"""Socket Mode: single-use tickets, connections, and envelopes that wait for their ack."""

import asyncio
import json
import secrets
import socket
import struct
from dataclasses import dataclass

from aiohttp import WSMsgType, web

from bot.demo.workspace.values import Json

MAX_CONNECTIONS = 10


@dataclass(frozen=True, slots=True)
class Retry:
    """That a payload was delivered before: which attempt this is, and why."""

    attempt: int
    reason: str


@dataclass(frozen=True, slots=True)
class Ack:
    """What the app answered: an error in Slack's words, or a body (empty for a bare ack)."""

    body: Json
    error: str | None = None
    no_retry: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Connection:
    """One WebSocket of the app."""

    ws: web.WebSocketResponse
    transport: asyncio.Transport


class Sockets:
    """The app's Socket Mode connections."""

    def __init__(self, app_id: str) -> None:
        self._app_id = app_id
        self._tickets: set[str] = set()
        self._connections: list[Connection] = []  # those that get envelopes
        self._open: set[Connection] = set()
        self._pending: dict[str, asyncio.Future[Json]] = {}
        self.arrived = asyncio.Event()
        self.ever_used = False

    @property
    def count(self) -> int:
        """How many connections are open, those that were asked to go among them."""
        return len(self._open)

    def ticket(self) -> str:
        """A ticket for one connection."""
        ticket = secrets.token_urlsafe(16)
        self._tickets.add(ticket)
        self.ever_used = True
        return ticket

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serves one connection until it closes; a used ticket is refused, as Slack refuses it."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=403, text="invalid ticket")
        self._tickets.remove(ticket)
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        if self.count >= MAX_CONNECTIONS:
            await ws.send_json({"type": "disconnect", "reason": "too_many_websockets", "debug_info": {}})
            await ws.close()
            return ws
        assert isinstance(request.transport, asyncio.Transport)
        connection = Connection(ws, request.transport)
        self._connections.append(connection)
        self._open.add(connection)
        try:
            await self._hello(ws)
            self.arrived.set()
            await self._receive(ws)
        finally:
            self._open.discard(connection)
            self._retire(connection)
        return ws

    def _retire(self, connection: Connection) -> None:
        """From now on no envelope goes to this connection."""
        if connection in self._connections:
            self._connections.remove(connection)
        if not self._connections:
            self.arrived.clear()

    async def _hello(self, ws: web.WebSocketResponse) -> None:
        await ws.send_json(
            {
                "type": "hello",
                "num_connections": self.count,
                "connection_info": {"app_id": self._app_id},
                "debug_info": {"host": "applink-local", "approximate_connection_time": 3600},
            }
        )

    async def _receive(self, ws: web.WebSocketResponse) -> None:
        async for frame in ws:
            if frame.type is not WSMsgType.TEXT:
                continue
            answer = json.loads(frame.data)
            pending = self._pending.get(answer.get("envelope_id", ""))
            if pending is not None and not pending.done():
                pending.set_result(answer.get("payload") or {})

    async def send(self, kind: str, payload: Json, *, retry: Retry | None, seconds: float) -> Ack:
        """Sends an envelope to exactly one connection and waits for its ack, from whichever connection it comes."""
        envelope_id = secrets.token_hex(16)
        pending = self._pending[envelope_id] = asyncio.get_running_loop().create_future()
        envelope: Json = {
            "envelope_id": envelope_id,
            "type": kind,
            "accepts_response_payload": kind != "events_api",
            "payload": payload,
        }
        if kind == "events_api" or retry is not None:
            envelope["retry_attempt"] = retry.attempt if retry else 0
            envelope["retry_reason"] = retry.reason.removeprefix("http_") if retry else ""
        error = "dispatch_failed"
        try:
            async with asyncio.timeout(seconds):
                await self.arrived.wait()
                error = "operation_timeout"
                await self._next().ws.send_str(json.dumps(envelope))
                return Ack(await pending)
        except TimeoutError:
            return Ack({}, error)
        except ConnectionError:
            return Ack({}, "dispatch_failed")
        finally:
            del self._pending[envelope_id]

    def _next(self) -> Connection:
        connection = self._connections.pop(0)
        self._connections.append(connection)
        return connection

    async def disconnect(self, reason: str) -> None:
        """Sends each connection the frame after which it should reconnect; a `warning` only announces that.

        Nothing more is sent to it, so that an app which does not come back hears no more.
        """
        for connection in self._connections.copy():
            if reason != "warning":
                self._retire(connection)
            await connection.ws.send_json({"type": "disconnect", "reason": reason, "debug_info": {"host": "local"}})

    def drop(self) -> None:
        """Resets each connection: the app's kernel sees RST, not FIN."""
        for connection in self._open.copy():
            raw: socket.socket = connection.transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.transport.abort()
            self._open.remove(connection)
            self._retire(connection)

    async def close(self) -> None:
        """Closes all connections, those that were asked to go among them."""
        for connection in self._open.copy():
            await connection.ws.close()
