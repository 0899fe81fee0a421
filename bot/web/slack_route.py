"""Slack over signed HTTP: size and signature first, then parsing, then the one door of both transports."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from bot.core.clock import Clock
from bot.web.signature import is_signed

Receive = Callable[[dict[str, Any], Mapping[str, str]], Awaitable[tuple[int, dict[str, Any]]]]
"""Takes a payload and the request's headers; answers an HTTP status and the body of the ack (empty for a bare one)."""

_READ_WITHIN = 3.0  # seconds: a body that trickles in later could not be acked in time anyway
_FIELDS = 100


class _Refused(Exception):
    def __init__(self, status: HTTPStatus) -> None:
        self.status = status


class SlackRoute:
    """The handler of `/slack/events`."""

    def __init__(self, receive: Receive, *, signing_secret: str, clock: Clock) -> None:
        self._receive = receive
        self._secret = signing_secret
        self._clock = clock

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer Slack; whoever else asks gets a plain 4xx."""
        try:
            payload = await self._payload(request)
        except _Refused as refused:
            return _refusal(refused.status)
        if payload.get("type") == "url_verification":
            return web.json_response({"challenge": payload.get("challenge")})
        if "ssl_check" in payload:
            return web.Response()
        status, answer = await self._receive(payload, request.headers)
        if status >= HTTPStatus.BAD_REQUEST:
            return _refusal(HTTPStatus(status))
        return web.json_response(answer) if answer else web.Response()

    async def _payload(self, request: web.Request) -> dict[str, Any]:
        try:
            async with asyncio.timeout(_READ_WITHIN):
                body = await request.read()
        except TimeoutError:
            raise _Refused(HTTPStatus.REQUEST_TIMEOUT) from None
        if not is_signed(
            body,
            secret=self._secret,
            timestamp=request.headers.get("X-Slack-Request-Timestamp", ""),
            signature=request.headers.get("X-Slack-Signature", ""),
            now=self._clock(),
        ):
            raise _Refused(HTTPStatus.UNAUTHORIZED)
        try:
            return parse(body, content_type=request.content_type)
        except (ValueError, RecursionError):
            raise _Refused(HTTPStatus.BAD_REQUEST) from None


def parse(body: bytes, *, content_type: str) -> dict[str, Any]:
    """The payload in a body: a JSON object, or a form whose field `payload` may hold one. Raises ValueError."""
    text = body.decode()
    if content_type != "application/json":
        form: dict[str, Any] = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_FIELDS))
        if "payload" not in form:
            return form
        text = form["payload"]
    payload = json.loads(text)
    if not isinstance(payload, dict):
        raise ValueError("a payload is a JSON object")  # noqa: TRY004 - all faults of a body are one kind
    return payload


def _refusal(status: HTTPStatus) -> web.Response:
    # What was wrong with a request once is wrong with it again: only a fault of ours is worth another attempt.
    retry = {} if status >= HTTPStatus.INTERNAL_SERVER_ERROR else {"x-slack-no-retry": "1"}
    return web.Response(status=status, text=status.phrase, headers=retry)
