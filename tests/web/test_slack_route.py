from __future__ import annotations

import asyncio
import hashlib
import hmac
import io
import json
import logging
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from bot.demo.workspace import Workspace
from bot.web.server import build, serving
from bot.web.signature import WINDOW, is_signed
from bot.web.slack_route import SlackRoute, parse
from tests.fixtures_slack import SlackBot, running_bot

KEY = "8f742231b10e8888abcd99yyyzzz85a5"
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


def sign(body: bytes, *, at: datetime | None = None, secret: str = KEY) -> dict[str, str]:
    timestamp = str(int((at or datetime.now(UTC)).timestamp()))
    digest = hmac.new(secret.encode(), f"v0:{timestamp}:".encode() + body, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": f"v0={digest}"}


class Server:
    """The web server, and what got through to the bot."""

    def __init__(self, session: aiohttp.ClientSession, port: int, received: list[dict[str, Any]]) -> None:
        self.session = session
        self.url = f"http://127.0.0.1:{port}/slack/events"
        self.received = received

    async def post(
        self, body: bytes | io.BytesIO, *, headers: Mapping[str, str] | None = None, kind: str = JSON
    ) -> tuple[int, str, Mapping[str, str]]:
        """Status, text and headers of the answer; bytes are signed unless `headers` say otherwise."""
        own = sign(body) if headers is None and isinstance(body, bytes) else headers
        sent = {"Content-Type": kind, **(own or {})}
        async with self.session.post(self.url, data=body, headers=sent) as response:
            return response.status, await response.text(), response.headers


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    received: list[dict[str, Any]] = []

    async def receive(payload: dict[str, Any], headers: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        received.append(payload)
        return payload.get("answer", 200), payload.get("say", {})

    route = SlackRoute(receive, signing_secret=KEY, clock=lambda: datetime.now(UTC))
    app = build(slack=route, checks={}, metrics=CollectorRegistry())
    async with serving(app, host="127.0.0.1", port=0) as port, aiohttp.ClientSession() as session:
        yield Server(session, port, received)


async def test_a_signed_payload_gets_through_and_is_acked(server: Server) -> None:
    status, text, _ = await server.post(b'{"type": "event_callback"}')

    assert (status, text) == (200, "")
    assert server.received == [{"type": "event_callback"}]


async def test_forms_and_payloads_in_forms_get_through(server: Server) -> None:
    await server.post(urlencode({"command": "/ops", "text": ""}).encode(), kind=FORM)
    await server.post(urlencode({"payload": json.dumps({"type": "block_actions"})}).encode(), kind=FORM)

    assert server.received == [{"command": "/ops", "text": ""}, {"type": "block_actions"}]


async def test_the_answer_goes_back_as_json(server: Server) -> None:
    status, text, _ = await server.post(b'{"say": {"response_action": "errors"}}')

    assert (status, json.loads(text)) == (200, {"response_action": "errors"})


async def test_slacks_questions_about_the_address_are_answered(server: Server) -> None:
    _, challenge, _ = await server.post(b'{"type": "url_verification", "challenge": "c1"}')
    status, _, _ = await server.post(b"ssl_check=1&token=x", kind=FORM)

    assert json.loads(challenge) == {"challenge": "c1"}
    assert status == 200
    assert server.received == []


async def test_slack_tries_again_only_what_may_fare_better(server: Server) -> None:
    refused, _, refused_headers = await server.post(b'{"answer": 403}')
    failed, _, failed_headers = await server.post(b'{"answer": 503}')

    assert (refused, failed) == (403, 503)
    assert refused_headers["x-slack-no-retry"] == "1"
    assert "x-slack-no-retry" not in failed_headers


BODY = b'{"type": "event_callback"}'


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="no headers"),
        pytest.param(sign(BODY, secret="other"), id="other secret"),
        pytest.param(sign(b"{}"), id="other body"),
        pytest.param({**sign(BODY), "X-Slack-Request-Timestamp": "now"}, id="time is a word"),
        pytest.param({**sign(BODY), "X-Slack-Request-Timestamp": "1e9"}, id="time is a float"),
        pytest.param({**sign(BODY), "X-Slack-Request-Timestamp": "9" * 400}, id="time is huge"),
        pytest.param({**sign(BODY), "X-Slack-Request-Timestamp": "-1"}, id="time is negative"),
        pytest.param({**sign(BODY), "X-Slack-Signature": "v0="}, id="empty signature"),
        pytest.param({**sign(BODY), "X-Slack-Signature": "v0=\u00e9\u00e9"}, id="signature is not ascii"),
        pytest.param(sign(BODY, at=datetime.now(UTC) - WINDOW - timedelta(minutes=1)), id="replayed"),
        pytest.param(sign(BODY, at=datetime.now(UTC) + WINDOW + timedelta(hours=1)), id="from the future"),
    ],
)
async def test_what_is_not_signed_by_slack_now_is_refused(server: Server, headers: dict[str, str]) -> None:
    status, text, _ = await server.post(BODY, headers=headers)

    assert (status, text) == (401, "Unauthorized")
    assert server.received == []


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        pytest.param(b"{", JSON, id="broken json"),
        pytest.param(b"null", JSON, id="null"),
        pytest.param(b"[1]", JSON, id="a list"),
        pytest.param(b"\xff\xfe", JSON, id="not utf-8"),
        pytest.param(b"[" * 200_000, JSON, id="deep"),
        pytest.param(b"payload=null", FORM, id="null in a form"),
        pytest.param(b"payload={", FORM, id="broken json in a form"),
        pytest.param(b"a=1&" * 200, FORM, id="many fields"),
    ],
)
async def test_a_signed_body_that_is_no_payload_is_refused(server: Server, body: bytes, kind: str) -> None:
    status, _, _ = await server.post(body, kind=kind)

    assert status == 400
    assert server.received == []


async def test_a_body_that_is_too_large_is_refused_before_it_is_read(server: Server) -> None:
    status, _, _ = await server.post(io.BytesIO(b"x" * (1024**2 + 1)))

    assert status == 413


async def test_a_body_that_trickles_in_is_given_up(server: Server) -> None:
    async def slowly() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(4)
        yield b"}"

    async with server.session.post(server.url, data=slowly(), headers={"Content-Type": JSON}) as response:
        assert response.status == 408


@given(
    body=st.binary(max_size=200),
    timestamp=st.text(max_size=20),
    signature=st.text(max_size=80),
)
def test_only_slacks_signature_is_one(body: bytes, timestamp: str, signature: str) -> None:
    assert not is_signed(body, secret=KEY, timestamp=timestamp, signature=signature, now=datetime.now(UTC))


@given(body=st.binary(max_size=200))
def test_slacks_signature_is_one(body: bytes) -> None:
    headers = sign(body)

    assert is_signed(
        body,
        secret=KEY,
        timestamp=headers["X-Slack-Request-Timestamp"],
        signature=headers["X-Slack-Signature"],
        now=datetime.now(UTC),
    )


@given(body=st.binary(max_size=300), kind=st.sampled_from([JSON, FORM, "text/plain", ""]))
def test_any_body_is_a_payload_or_a_value_error(body: bytes, kind: str) -> None:
    try:
        payload = parse(body, content_type=kind)
    except ValueError:
        return

    assert isinstance(payload, dict)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
_kinds = st.sampled_from(
    [
        "event_callback",
        "block_actions",
        "view_submission",
        "view_closed",
        "shortcut",
        "message_action",
        "options",
        7,
        None,
    ]
)
_keys = st.sampled_from(
    "team team_id user user_id channel channel_id event view actions authorizations container message command text "  # noqa: SIM905 - a list of words is read best as words
    "response_url response_urls trigger_id callback_id attachments function_data function_execution_id inputs item "
    "bot_access_token enterprise is_enterprise_install is_ext_shared_channel previous_message".split()
)


@pytest.fixture
async def live(workspace: Workspace, store: Any) -> AsyncIterator[tuple[Workspace, SlackBot]]:  # noqa: ANN401 - the fixture's own type
    async with running_bot(workspace, store, transport="http") as bot:
        yield workspace, bot


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(rest=st.dictionaries(_keys, _json, max_size=6), kind=_kinds, event=st.dictionaries(_keys, _json, max_size=3))
async def test_no_signed_payload_of_any_shape_makes_the_bot_stumble(
    live: tuple[Workspace, SlackBot], rest: dict[str, Any], kind: object, event: dict[str, Any]
) -> None:
    workspace, bot = live
    payload = {"event": event, **rest, "type": kind, "api_app_id": workspace.app_id}

    status, _ = await bot.door.receive(payload, {})

    assert status in {200, 400, 404}


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param({"type": "shortcut", "callback_id": []}, id="a shortcut's name is a list"),
        pytest.param({"type": "message_action", "callback_id": 7}, id="a shortcut's name is a number"),
        pytest.param({"type": "view_submission", "view": {"type": "modal", "callback_id": {}}}, id="a form's name"),
        pytest.param({"type": "view_closed", "view": {"callback_id": []}}, id="a closed form's name"),
        pytest.param({"type": "view_submission", "view": {"callback_id": "form:x"}}, id="a form of no type"),
        pytest.param({"type": "block_actions", "actions": [{"action_id": 7}]}, id="a button's name is a number"),
        pytest.param({"type": "block_actions", "actions": [{}]}, id="a button without a name"),
    ],
)
async def test_a_name_of_another_shape_is_refused(live: tuple[Workspace, SlackBot], payload: dict[str, Any]) -> None:
    workspace, bot = live

    assert await bot.door.receive(payload | {"api_app_id": workspace.app_id}, {}) == (400, {})


async def test_hostile_requests_leave_no_stack_in_the_log(
    live: tuple[Workspace, SlackBot], caplog: pytest.LogCaptureFixture
) -> None:
    workspace, _ = live
    body = json.dumps({"type": "event_callback", "api_app_id": workspace.app_id, "event": {"type": "message"}}).encode()
    headers = {**sign(body, secret=workspace.signing_secret), "Content-Type": JSON}

    with caplog.at_level(logging.INFO):
        async with aiohttp.ClientSession() as session:
            async with session.post(str(workspace.request_url), data=b"{", headers=headers) as unsigned:
                pass
            async with session.post(str(workspace.request_url), data=body, headers=headers) as odd:
                pass

    assert (unsigned.status, odd.status) == (401, 400)
    assert "Traceback" not in caplog.text
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_another_apps_payload_is_refused(live: tuple[Workspace, SlackBot]) -> None:
    _, bot = live

    assert await bot.door.receive({"command": "/ops", "api_app_id": "A0OTHER"}, {}) == (403, {})


async def test_the_address_passes_slacks_verification(live: tuple[Workspace, SlackBot]) -> None:
    workspace, _ = live

    assert await workspace.verify_request_url()


async def test_a_click_without_a_person_is_refused(live: tuple[Workspace, SlackBot]) -> None:
    workspace, bot = live
    payload = {"type": "block_actions", "actions": [{"type": "button", "action_id": "x"}]}

    assert await bot.door.receive(payload | {"api_app_id": workspace.app_id}, {}) == (400, {})


async def test_a_bug_in_a_listener_is_in_the_log_and_not_acked(live: tuple[Workspace, SlackBot]) -> None:
    workspace, bot = live
    del bot.door._pipeline
    payload: dict[str, Any] = {"type": "block_actions", "trigger_id": "1", "user": {"id": "U1"}}
    payload |= {"actions": [{"type": "button", "action_id": "x"}], "api_app_id": workspace.app_id}

    with capture_logs() as logs:
        status, _ = await bot.door.receive(payload, {})

    assert status == 500
    assert [entry["event"] for entry in logs] == ["payload.failed"]
