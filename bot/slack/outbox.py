"""Messages that Slack did not take: brought again later by whichever replica, and in the end told to the log."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import aiohttp
import structlog
from pydantic import JsonValue
from slack_sdk.web.async_client import AsyncWebClient

from bot.core.clock import Clock
from bot.core.errors import IntegrationError, OutcomeUnknown
from bot.core.records import Due, Store
from bot.slack.client import translated
from bot.slack.metrics import Metrics

JOB = "deliver"
WAITS = tuple(timedelta(seconds=s) for s in (5, 15, 60, 180, 600))
"""How long to wait before each further attempt. A response_url lives for thirty minutes: all fit into them."""

log = structlog.get_logger(__name__)


class Delayed(OutcomeUnknown):
    """Slack is away; the message is brought later."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One call that brings a message: a Web API method, or `response_url` with its `url`. `body` is redacted."""

    method: str
    body: Mapping[str, Any]
    url: str = ""


class Outbox:
    """Sends messages, and keeps those that could not be sent in the store until they are."""

    def __init__(
        self,
        client: AsyncWebClient,
        *,
        session: aiohttp.ClientSession,
        store: Store,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._client = client
        self._session = session
        self._store = store
        self._clock = clock
        self._metrics = metrics

    async def send(self, outgoing: Outgoing, *, keep: bool = True) -> dict[str, Any]:
        """Slack's answer. Raises `IntegrationError` when Slack refuses, and when it is away `Delayed`: kept for later.

        Without `keep` it is `OutcomeUnknown` then, and nothing is kept.
        """
        try:
            return await self._attempt(outgoing)
        except OutcomeUnknown as error:
            if not keep:
                raise
            await self._keep(outgoing, attempt=0)
            raise Delayed(str(error), hint="It is brought as soon as Slack takes it.") from error

    async def _attempt(self, outgoing: Outgoing) -> dict[str, Any]:
        with translated("take a message"):
            if outgoing.method != "response_url":
                answer = await self._client.api_call(outgoing.method, json=dict(outgoing.body))
                assert isinstance(answer.data, dict)
                return answer.data
            try:
                status, said = await self._use_hook(outgoing)
            except aiohttp.ServerDisconnectedError:  # it was kept alive, and Slack had closed it
                status, said = await self._use_hook(outgoing)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
            raise OutcomeUnknown("Slack could not take an answer just now.", hint=f"http_{status}")
        if status >= HTTPStatus.BAD_REQUEST:
            raise IntegrationError(f"Slack refused an answer: {said}", hint=f"http_{status}")
        return {}

    async def _use_hook(self, outgoing: Outgoing) -> tuple[int, str]:
        async with self._session.post(outgoing.url, json=outgoing.body) as response:
            return response.status, await response.text()

    async def _keep(self, outgoing: Outgoing, *, attempt: int) -> None:
        args: dict[str, JsonValue] = {
            "method": outgoing.method,
            "body": dict(outgoing.body),
            "url": outgoing.url,
            "attempt": attempt,
        }
        due = Due(kind=JOB, key=uuid.uuid4().hex, due_at=self._clock() + WAITS[attempt], args=args)
        async with self._store.transaction() as tx:
            await tx.due.put(due)

    async def bring(self, *, method: str, body: Mapping[str, Any], url: str, attempt: int) -> None:
        """The job `deliver`: one more attempt, and after the last one the text is in the log at least."""
        outgoing = Outgoing(method, body, url)
        try:
            await self._attempt(outgoing)
        except OutcomeUnknown as error:
            if attempt + 1 < len(WAITS):
                await self._keep(outgoing, attempt=attempt + 1)
                return
            self.give_up(outgoing, error)
        except IntegrationError as error:
            self.give_up(outgoing, error)

    def give_up(self, outgoing: Outgoing, error: IntegrationError) -> None:
        """Tell the log what nobody will read in Slack."""
        self._metrics.undelivered.inc()
        log.error(
            "slack.undelivered",
            method=outgoing.method,
            channel=outgoing.body.get("channel", ""),
            text=outgoing.body.get("text", ""),
            reason=str(error),
        )
