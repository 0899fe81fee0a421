"""`/webhooks/<source>`: alerts of other systems, stored before they are answered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from types import MappingProxyType

import structlog
from aiohttp import web
from aiolimiter import AsyncLimiter
from prometheus_client import CollectorRegistry, Counter

from bot.alerts import monitors, pagers
from bot.alerts.told import Malformed, Told, cleaned
from bot.core.alerts import Alert
from bot.core.clock import Clock
from bot.core.errors import IntegrationError
from bot.core.signing import equal, is_one_of, is_signed, sign

Take = Callable[[Sequence[Alert]], Awaitable[Collection[tuple[str, str]]]]
"""Stores alerts; returns when they are committed, raises `IntegrationError` when they are not.

Returned are the identities of those that count only when they are told again.
"""

LARGEST = 8 * 1024**2
"""Bytes of a body: Alertmanager sends a whole group in one request."""

RATE, RATE_WITHIN = 1000, 2.0
"""So many requests of one source are taken within so many seconds; the others are asked to come again."""

_READ_WITHIN = 10.0  # seconds
_SMALL = 64 * 1024  # bytes

log = structlog.get_logger(__name__)


def _bearer(secret: str, _body: bytes, headers: Mapping[str, str], _now: datetime) -> bool:
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    return equal(secret, token.strip()) and scheme.lower() == "bearer"


def _pagerduty(secret: str, body: bytes, headers: Mapping[str, str], _now: datetime) -> bool:
    # https://developer.pagerduty.com/docs/verifying-webhook-signatures
    return is_one_of(sign(secret, body), headers.get("X-PagerDuty-Signature", ""))


def _either(secret: str, body: bytes, headers: Mapping[str, str], now: datetime) -> bool:
    return is_signed(secret, body, headers, now=now) or _bearer(secret, body, headers, now)


@dataclass(frozen=True, slots=True)
class _Source:
    """How requests of a source are known for its own, and how they are read."""

    is_own: Callable[[str, bytes, Mapping[str, str], datetime], bool]
    read: Callable[..., Told]


SOURCES: Mapping[str, _Source] = MappingProxyType(
    {
        "alertmanager": _Source(_bearer, monitors.alertmanager),
        "grafana": _Source(_bearer, monitors.grafana),
        "generic": _Source(_either, monitors.generic),
        "pagerduty": _Source(_pagerduty, pagers.pagerduty),
        "jira": _Source(_bearer, pagers.jira),
    }
)


class _Refused(Exception):
    def __init__(self, status: HTTPStatus, said: str) -> None:
        super().__init__(said)
        self.status = status


class Webhooks:
    """The routes of those sources that have a secret in `secrets`.

    Whoever cannot prove to be the source gets 401 and no other word. A source that is right is told what was stored
    and what was wrong with the rest. 503 asks it to come again, which they all do: nothing was stored, or an alert was
    told whose end is known, which counts when it is told again.
    """

    def __init__(
        self,
        take: Take,
        *,
        secrets: Mapping[str, str],
        clock: Clock,
        redact: Callable[[str], str],
        metrics: CollectorRegistry,
        rate: int = RATE,
    ) -> None:
        self._take = take
        self._redact = redact
        self._secrets = secrets
        self._clock = clock
        self._buckets = {source: AsyncLimiter(rate, RATE_WITHIN) for source in secrets}
        self._requests = Counter(
            "opsbot_webhooks_total",
            "Requests with alerts by source and status.",
            ["source", "status"],
            registry=metrics,
        )

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        for source in self._secrets:
            app.router.add_post(f"/webhooks/{source}", self.handle)

    async def handle(self, request: web.Request) -> web.Response:
        """Answer a source."""
        source = request.path.rpartition("/")[2]
        answer: dict[str, object]
        try:
            told = await self._told(source, request)
            await self._store(source, told)
            status, answer = HTTPStatus.OK, {"stored": len(told.alerts)}
            if told.faults:
                status, answer = HTTPStatus.UNPROCESSABLE_ENTITY, {**answer, "faults": list(told.faults)}
        except _Refused as refused:
            status, answer = refused.status, {"error": str(refused)}
        except IntegrationError as error:
            log.warning("alerts not stored", source=source, error=str(error))
            status, answer = HTTPStatus.SERVICE_UNAVAILABLE, {"error": "The store does not answer: send it again."}
        self._requests.labels(source, status.value).inc()
        again = {"Retry-After": "5"} if status is HTTPStatus.SERVICE_UNAVAILABLE else {}
        return web.json_response(answer, status=status, headers=again)

    async def _told(self, source: str, request: web.Request) -> Told:
        body = await _body(request)
        now = self._clock()
        if not SOURCES[source].is_own(self._secrets[source], body, request.headers, now):
            raise _Refused(HTTPStatus.UNAUTHORIZED, "This is not signed by, or has not the token of, this source.")
        bucket = self._buckets[source]
        if not bucket.has_capacity():
            raise _Refused(HTTPStatus.SERVICE_UNAVAILABLE, "Too many requests at once: send it again.")
        await bucket.acquire()
        if request.content_type != "application/json":
            raise _Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body has to be application/json.")
        try:
            payload = json.loads(body)
        except (ValueError, RecursionError):
            raise _Refused(HTTPStatus.BAD_REQUEST, "The body is no JSON.") from None
        if not isinstance(payload, dict):
            raise _Refused(HTTPStatus.BAD_REQUEST, "The body has to be a JSON object.")
        try:
            if len(body) <= _SMALL:
                return self._read(source, payload, now)
            # Beside the loop: a body of megabytes takes a while, in which Slack waits for no ack.
            return await asyncio.to_thread(self._read, source, payload, now)
        except Malformed as error:
            raise _Refused(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None

    async def _store(self, source: str, told: Told) -> None:
        alerts = (*told.alerts, *told.besides)
        doubted = await self._take(alerts) if alerts else ()
        if any(alert.identity in doubted for alert in alerts):
            log.warning("alerts told after their end", source=source)
            raise _Refused(HTTPStatus.SERVICE_UNAVAILABLE, "You have told the end of one of these: send it again.")

    def _read(self, source: str, payload: dict[str, object], now: datetime) -> Told:
        told = SOURCES[source].read(payload, now=now)
        alerts = tuple(cleaned(alert, self._redact) for alert in told.alerts)
        return Told(alerts, told.faults, tuple(cleaned(alert, self._redact) for alert in told.besides))


async def _body(request: web.Request) -> bytes:
    """The whole body, within our limits, which are not those of Slack's requests."""
    if (request.content_length or 0) > LARGEST:
        raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body may have {LARGEST} bytes.")
    body = bytearray()
    try:
        async with asyncio.timeout(_READ_WITHIN):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > LARGEST:
                    raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body may have {LARGEST} bytes.")
    except TimeoutError:
        raise _Refused(HTTPStatus.REQUEST_TIMEOUT, "The body came too slowly.") from None
    return bytes(body)
