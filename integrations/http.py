"""HTTP: the one module that knows httpx."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from types import MappingProxyType
from typing import Self

import httpx
import stamina

from bot.core.errors import OutcomeUnknown, Unreachable
from bot.core.ports import Answer

_CAP = 1024 * 1024  # bytes of a body that are kept
_NOTHING: Mapping[str, str] = MappingProxyType({})
_IDEMPOTENT = frozenset({"GET", "HEAD"})
_BROKEN = (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)
"""What happens to a line that was there: the other side may have got the request."""


@cache
def _trusted() -> ssl.SSLContext:
    """The authorities that httpx trusts, read once."""
    return httpx.create_ssl_context(trust_env=False)


class HttpClient:
    """Sends each request on a connection of its own, so that a balancer may choose another worker for each.

    Proxies of the environment are not used. Messages of errors name the address without its query or password.
    """

    def __init__(self) -> None:
        limits = httpx.Limits(max_keepalive_connections=0)
        self._client = httpx.AsyncClient(verify=_trusted(), trust_env=False, limits=limits)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] = _NOTHING,
        body: str = "",
        within: timedelta = timedelta(seconds=5),
        attempts: int = 1,
        repeatable: bool = False,
    ) -> Answer:
        """See `Http`."""
        times = attempts if repeatable or method in _IDEMPOTENT else 1
        try:
            async for attempt in stamina.retry_context(on=httpx.TransportError, attempts=times, wait_max=2):
                with attempt:
                    return await self._send(method, url, headers=headers, body=body, seconds=within.total_seconds())
        except httpx.TimeoutException as error:
            raise OutcomeUnknown(f"{_shown(url)} did not answer within {within.total_seconds():g} s.") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = str(error) or type(error).__name__
            if isinstance(error, _BROKEN) and method not in _IDEMPOTENT:
                raise OutcomeUnknown(f"The line to {_shown(url)} broke before it answered: {reason}.") from error
            raise Unreachable(f"{_shown(url)} cannot be reached: {reason}.", why=_why(error)) from error
        raise AssertionError  # pragma: no cover - the context yields until one attempt returns or raises

    async def _send(self, method: str, url: str, *, headers: Mapping[str, str], body: str, seconds: float) -> Answer:
        began = time.monotonic()
        content = bytearray()
        headers = {**headers, "connection": "close"}
        try:
            # httpx limits each read by itself; a body that trickles in needs a limit over all.
            async with (
                asyncio.timeout(seconds),
                self._client.stream(method, url, headers=headers, content=body, timeout=seconds) as response,
            ):
                async for chunk in response.aiter_bytes():
                    content += chunk
                    if len(content) > _CAP:
                        break
        except TimeoutError as error:
            raise httpx.ReadTimeout("the body came too slowly") from error
        return Answer(
            status=response.status_code,
            latency=time.monotonic() - began,
            body=bytes(content[:_CAP]).decode(errors="replace"),
            cut=len(content) > _CAP,
        )


def _why(error: BaseException) -> str:
    """What kept a connection from being made, by the first error below that says so."""
    below: BaseException | None = error
    while below is not None:
        match below:
            case socket.gaierror():
                return "dns"
            case ssl.SSLError():
                return "tls"
            case ConnectionRefusedError():
                return "refused"
        below = below.__cause__ or below.__context__
    return ""


def _shown(url: str) -> str:
    """The address without user, password, query and fragment."""
    try:
        return str(httpx.URL(url).copy_with(userinfo=b"", query=None, fragment=None))
    except httpx.InvalidURL:
        return "The address"
