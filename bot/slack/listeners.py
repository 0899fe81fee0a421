"""The one door of both transports: commands and what is recorded go straight on, everything else through Bolt.

Bolt's dispatch takes longer than all the rest of an ack, which counts where many come at once. It has one listener a
kind of payload, which dispatches by table: it tries listeners in order, and fifty would cost each request five times as
much. Listeners read the payload and hand over; they decide nothing.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from pydantic import ValidationError
from slack_bolt.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.core.errors import OpsbotError
from bot.slack.inbound import (
    RECORDED,
    Chosen,
    Clicked,
    HomeOpened,
    Joined,
    Mention,
    Recordable,
    SlashCommand,
    Submitted,
    Walked,
)
from bot.slack.metrics import Metrics
from bot.slack.pipeline import Pipeline
from bot.slack.recorder import Recorder

_ANY = re.compile(".*", re.DOTALL)

log = structlog.get_logger(__name__)


class Door:
    """Takes payloads that are known to be Slack's; what it answers is the ack."""

    def __init__(
        self, client: AsyncWebClient, *, app_id: str, pipeline: Pipeline, recorder: Recorder, metrics: Metrics
    ) -> None:
        self._app_id = app_id
        self._pipeline = pipeline
        self._recorder = recorder
        self._metrics = metrics
        self.lost = 0
        """How many events could not be stored so far, and were not acked."""
        self._bolt = _bolt(client)
        self._bolt.event(_ANY)(self._on_event)
        self._bolt.action(_ANY)(self._on_click)
        self._bolt.shortcut(_ANY)(self._on_shortcut)
        self._bolt.view(_ANY)(self._on_submission)
        self._bolt.error(_on_error)

    async def receive(self, payload: dict[str, Any], headers: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """An HTTP status, and the body of the ack (empty for a bare one); anything but 200 is no ack."""
        # Slack leaves the app out of shortcuts alone.
        if payload.get("api_app_id", self._app_id if payload.get("type") == "message_action" else "") != self._app_id:
            return HTTPStatus.FORBIDDEN, {}
        try:
            if "command" in payload:
                self._pipeline.command(SlashCommand.model_validate(payload))
                return HTTPStatus.OK, {}
            event = payload.get("event")
            if isinstance(event, dict) and (kind := RECORDED.get(str(event.get("type")))):
                return await self._record(kind.model_validate(event)), {}
            Walked.model_validate(payload)
        except ValidationError:
            return HTTPStatus.BAD_REQUEST, {}
        retry = {name: value for name, value in headers.items() if name.lower().startswith("x-slack-retry")}
        body = {name: value for name, value in payload.items() if value is not None}
        request = AsyncBoltRequest(mode="socket_mode", body=body, headers=dict(retry))
        response = await self._bolt.async_dispatch(request)
        return response.status, json.loads(response.body) if response.body else {}

    async def _on_event(self, body: dict[str, Any]) -> BoltResponse:
        event, team_id = body["event"], body.get("team_id", "")
        match event["type"]:
            case "app_mention":
                taken = await self._pipeline.mention(Mention.model_validate(event), team_id=team_id)
            case "app_home_opened":
                self._pipeline.show_home(HomeOpened.model_validate(event), team_id=team_id)
                taken = True
            case _:
                taken = True
        return _acked() if taken else _again()

    async def _record(self, event: Recordable | Joined) -> HTTPStatus:
        try:
            if isinstance(event, Joined):
                await self._recorder.joined(event)
            else:
                await self._recorder.record(event)
        except OpsbotError as error:
            log.warning("event.not_stored", reason=str(error))
            self.lost += 1
            self._metrics.events.labels("failed").inc()
            return HTTPStatus.SERVICE_UNAVAILABLE
        self._metrics.events.labels("stored").inc()
        return HTTPStatus.OK

    async def _on_click(self, body: dict[str, Any]) -> BoltResponse:
        return _acked() if await self._pipeline.click(Clicked.model_validate(body)) else _again()

    async def _on_shortcut(self, body: dict[str, Any]) -> BoltResponse:
        return _acked() if await self._pipeline.shortcut(Chosen.model_validate(body)) else _again()

    async def _on_submission(self, body: dict[str, Any]) -> BoltResponse:
        answer = await self._pipeline.submit(Submitted.model_validate(body))
        return _again() if answer is None else _acked(answer)


def _bolt(client: AsyncWebClient) -> AsyncApp:
    logger = logging.getLogger("slack_bolt")
    logger.setLevel(logging.ERROR)  # its warnings quote whole payloads
    return AsyncApp(
        name="opsbot",  # without it bolt looks through all modules for its caller's, for a tenth of a second
        client=client,
        logger=logger,
        process_before_response=True,  # without it the ack is looked for every 10 ms
        request_verification_enabled=False,  # done on the raw body, before anything is parsed
        ssl_check_enabled=False,
        url_verification_enabled=False,
        ignoring_self_events_enabled=False,  # own posts are recorded like any other
        attaching_function_token_enabled=False,
        attaching_conversation_kwargs_enabled=False,
    )


def _acked(body: dict[str, Any] | None = None) -> BoltResponse:
    return BoltResponse(status=HTTPStatus.OK, body=body or "")


def _again() -> BoltResponse:
    return BoltResponse(status=HTTPStatus.SERVICE_UNAVAILABLE)


async def _on_error(error: Exception) -> BoltResponse:
    if isinstance(error, ValidationError):
        return BoltResponse(status=HTTPStatus.BAD_REQUEST)
    log.error("payload.failed", exc_info=error)
    return BoltResponse(status=HTTPStatus.INTERNAL_SERVER_ERROR)
