"""The one door of both transports: slash commands straight to the pipeline, everything else through Bolt.

One listener a kind of payload, which dispatches by table: Bolt tries listeners in order, and fifty of them would cost
each request five times as much. Listeners read the payload and hand over; they decide nothing.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from pydantic import ValidationError
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.core.errors import OpsbotError
from bot.slack.inbound import Clicked, HomeOpened, Mention, MessageEvent, SlashCommand, Submitted
from bot.slack.metrics import Metrics
from bot.slack.pipeline import Pipeline
from bot.slack.recorder import Recorder

_ANY = re.compile(".*", re.DOTALL)
_AGAIN = BoltResponse(status=HTTPStatus.SERVICE_UNAVAILABLE)


class Door:
    """Takes payloads that are known to be Slack's; what it answers is the ack."""

    def __init__(
        self, client: AsyncWebClient, *, app_id: str, pipeline: Pipeline, recorder: Recorder, metrics: Metrics
    ) -> None:
        self._app_id = app_id
        self._pipeline = pipeline
        self._bolt = _bolt(client, pipeline, recorder, metrics)

    async def receive(self, payload: dict[str, Any], headers: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """An HTTP status, and the body of the ack (empty for a bare one); anything but 200 is no ack."""
        if payload.get("api_app_id") != self._app_id:
            return HTTPStatus.FORBIDDEN, {}
        try:
            if "command" in payload:
                # The hot path: an ack has nothing to wait for, and Bolt's dispatch takes longer than all the rest of it.
                self._pipeline.command(SlashCommand.model_validate(payload))
                return HTTPStatus.OK, {}
            retry = {name: value for name, value in headers.items() if name.lower().startswith("x-slack-retry")}
            request = AsyncBoltRequest(mode="socket_mode", body=payload, headers=dict(retry))
            response = await self._bolt.async_dispatch(request)
        except ValidationError:
            return HTTPStatus.BAD_REQUEST, {}
        return response.status, json.loads(response.body) if response.body else {}


def _bolt(client: AsyncWebClient, pipeline: Pipeline, recorder: Recorder, metrics: Metrics) -> AsyncApp:
    logger = logging.getLogger("slack_bolt")
    logger.setLevel(logging.ERROR)  # its warnings quote whole payloads
    app = AsyncApp(
        client=client,
        logger=logger,
        process_before_response=True,  # without it the ack is looked for every 10 ms
        request_verification_enabled=False,  # done on the raw body, before anything is parsed
        ssl_check_enabled=False,
        url_verification_enabled=False,
        ignoring_self_events_enabled=False,  # own posts are recorded like any other
        attaching_function_token_enabled=False,
    )

    async def on_event(body: dict[str, Any], ack: AsyncAck) -> BoltResponse | None:
        event, team_id = body["event"], body.get("team_id", "")
        match event["type"]:
            case "message":
                try:
                    await recorder.record(MessageEvent.model_validate(event))
                except OpsbotError:
                    metrics.events.labels("failed").inc()
                    return _AGAIN
                metrics.events.labels("recorded").inc()
            case "app_mention":
                if not await pipeline.mention(Mention.model_validate(event), team_id=team_id):
                    return _AGAIN
            case "app_home_opened":
                pipeline.show_home(HomeOpened.model_validate(event), team_id=team_id)
        await ack()
        return None

    async def on_click(body: dict[str, Any], ack: AsyncAck) -> BoltResponse | None:
        if not await pipeline.click(Clicked.model_validate(body)):
            return _AGAIN
        await ack()
        return None

    async def on_submission(body: dict[str, Any], ack: AsyncAck) -> BoltResponse | None:
        answer = await pipeline.submit(Submitted.model_validate(body))
        if answer is None:
            return _AGAIN
        await ack(**answer)
        return None

    async def on_error(error: Exception) -> BoltResponse:
        if isinstance(error, ValidationError):
            return BoltResponse(status=HTTPStatus.BAD_REQUEST)
        raise error

    app.error(on_error)
    app.event(_ANY)(on_event)
    app.action(_ANY)(on_click)
    app.view(_ANY)(on_submission)
    return app
