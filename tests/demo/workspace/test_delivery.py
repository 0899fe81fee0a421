"""How payloads reach the app: transports, retries, and Slack's bad days."""

import asyncio
import hashlib
import hmac
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType, web
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.demo.workspace import Workspace
from tests.demo.workspace.conftest import Serve, over_http, over_socket

Json = dict[str, Any]


class Retries:
    """The retry number of each delivery that an app saw, by event type or command."""

    def __init__(self, app: AsyncApp, *, failures: int = 0) -> None:
        self.numbers: list[int] = []
        self.reasons: list[str] = []
        self.ids: list[str] = []
        self._failures = failures

        @app.event("message")
        async def message(body: Json, request: Any) -> None:  # noqa: ANN401 - Bolt's request
            self._note(request.headers)
            self.ids.append(body["event_id"])
            if len(self.numbers) <= self._failures:
                raise RuntimeError("not this time")

        @app.command("/ops")
        async def command(ack: AsyncAck, body: Json, request: Any) -> None:  # noqa: ANN401 - Bolt's request
            self._note(request.headers)
            self.ids.append(body["trigger_id"])
            await ack()

    def _note(self, headers: Json) -> None:
        self.numbers.append(int(headers.get("x-slack-retry-num", ["0"])[0]))
        self.reasons += headers.get("x-slack-retry-reason", [])


async def test_an_event_that_was_not_acked_comes_again(ws: Workspace, app: AsyncApp, serve: Serve) -> None:
    retries = Retries(app, failures=2)
    await serve(app)
    ana = ws.person("ana")

    await ana.say(ws.channel("ops", [ana]), "hello")
    await ws.settled()

    assert retries.numbers == [0, 1, 2]
    assert len(set(retries.ids)) == 1
    assert set(retries.reasons) in ({"http_error"}, {"", "timeout"})


async def test_an_event_is_given_up_after_its_last_retry(ws: Workspace, app: AsyncApp) -> None:
    retries = Retries(app, failures=99)
    async with over_http(ws, app):
        ana = ws.person("ana")
        await ana.say(ws.channel("ops", [ana]), "hello")
        await ws.settled()

    assert retries.numbers == [0, 1, 2]


async def test_an_app_can_ask_for_no_retry(ws: Workspace) -> None:
    seen: list[str | None] = []

    async def refuse(request: web.Request) -> web.Response:
        seen.append(request.headers.get("x-slack-retry-num"))
        return web.Response(status=500, headers={"x-slack-no-retry": "1"})

    async with raw_app(ws, refuse):
        ana = ws.person("ana")
        await ana.say(ws.channel("ops", [ana]), "hello")
        await ws.settled()

    assert seen == [None]


def raw_app(ws: Workspace, handler: Any) -> Any:  # noqa: ANN401 - a handler of aiohttp and a context manager
    """An app that is only a handler."""

    class Plain:
        def web_app(self, path: str) -> web.Application:
            application = web.Application()
            application.router.add_post(path, handler)
            return application

    return over_http(ws, Plain())  # type: ignore[arg-type]  # only web_app is used


async def test_requests_are_signed_as_slack_signs_them(ws: Workspace) -> None:
    signatures: list[tuple[str, str]] = []
    types: list[str] = []

    async def check(request: web.Request) -> web.Response:
        body = await request.read()
        base = f"v0:{request.headers['X-Slack-Request-Timestamp']}:".encode() + body
        expected = "v0=" + hmac.new(ws.signing_secret.encode(), base, hashlib.sha256).hexdigest()
        signatures.append((request.headers["X-Slack-Signature"], expected))
        types.append(request.content_type)
        return web.Response()

    async with raw_app(ws, check):
        ana = ws.person("ana")
        channel = ws.channel("ops", [ana])
        said = await ana.say(channel, "hello")
        await ws.settled()
        await ana.command(channel, "/ops")
        await ana.shortcut(said, "note")

    assert types == ["application/json", *["application/x-www-form-urlencoded"] * 2]
    assert all(given == expected for given, expected in signatures)


async def test_the_request_url_is_verified(ws: Workspace, app: AsyncApp) -> None:
    async with over_http(ws, app):
        assert await ws.verify_request_url()

    async def ignorant(_: web.Request) -> web.Response:
        return web.json_response([])

    async with raw_app(ws, ignorant):
        assert not await ws.verify_request_url()


async def test_an_answer_of_broken_json_is_a_bare_ack(ws: Workspace) -> None:
    async def broken(_: web.Request) -> web.Response:
        return web.Response(text="{", content_type="application/json")

    async with raw_app(ws, broken):
        ana = ws.person("ana")
        turn = await ana.command(ana.dm(), "/ops")

    assert (turn.error, turn.replies()) == (None, [])


async def test_a_fault_delivers_each_payload_again(ws: Workspace, app: AsyncApp, serve: Serve) -> None:
    retries = Retries(app)
    await serve(app)
    ana = ws.person("ana")
    channel = ws.channel("ops", [ana])

    ws.faults.redeliver(2, "slash_commands")
    await ana.say(channel, "once")
    await ana.command(channel, "/ops")
    await ws.settled()
    ws.faults.clear()
    await ana.command(channel, "/ops")

    assert retries.numbers == [0, 0, 1, 2, 0]
    assert len(set(retries.ids)) == 3


async def test_a_repeated_command_changes_the_screen_once(ws: Workspace, app: AsyncApp, serve: Serve) -> None:
    @app.command("/ops")
    async def command(ack: AsyncAck) -> None:
        await ack("hello")

    await serve(app)
    ana = ws.person("ana")

    ws.faults.redeliver()
    await ana.command(ana.dm(), "/ops")
    await ws.settled()

    assert [seen.plain() for seen in ana.sees(ana.dm())] == ["hello"]


async def test_withheld_payloads_come_when_they_are_released(ws: Workspace, app: AsyncApp, serve: Serve) -> None:
    retries = Retries(app)
    await serve(app)
    ana = ws.person("ana")
    channel = ws.channel("ops", [ana])

    ws.faults.withhold("message")
    ws.faults.withhold("slash_commands")
    await ana.say(channel, "late")
    turn = await ana.command(channel, "/ops")
    await ws.settled()
    before = list(retries.numbers)
    ws.release("message")
    ws.release("slash_commands")
    await ws.settled()

    assert turn.timed_out
    assert before == []
    assert sorted(retries.numbers) == [0, 1]


async def test_each_payload_goes_to_exactly_one_connection(ws: Workspace, app: AsyncApp) -> None:
    retries = Retries(app)
    async with over_socket(ws, app), over_socket(ws, app):
        assert ws.connections == 2
        ana = ws.person("ana")
        for n in range(10):
            await ana.say(ws.channel("ops", [ana]), f"{n}")
        await ws.settled()

    assert len(retries.ids) == len(set(retries.ids)) == 10


async def test_a_ticket_opens_one_connection(ws: Workspace, client: AsyncWebClient) -> None:
    url = (await client.apps_connections_open(app_token=ws.app_token))["url"]
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url) as connection:
            hello = await connection.receive_json()

        with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
            await session.ws_connect(url)

    assert (hello["type"], hello["num_connections"], hello["connection_info"]) == ("hello", 1, {"app_id": ws.app_id})


async def test_only_the_app_token_opens_connections(ws: Workspace, client: AsyncWebClient) -> None:
    with pytest.raises(SlackApiError, match="not_allowed_token_type"):
        await client.apps_connections_open(app_token=ws.bot_token)
    with pytest.raises(SlackApiError, match="not_allowed_token_type"):
        await client.chat_postMessage(token=ws.app_token, channel="C1", text="x")


async def test_the_eleventh_connection_is_turned_away(ws: Workspace, client: AsyncWebClient) -> None:
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        frames = []
        for _ in range(11):
            url = (await client.apps_connections_open(app_token=ws.app_token))["url"]
            connection = await stack.enter_async_context(session.ws_connect(url))
            frames.append(await connection.receive_json())

    assert [frame["type"] for frame in frames] == [*["hello"] * 10, "disconnect"]
    assert frames[-1]["reason"] == "too_many_websockets"


async def test_an_app_comes_back_after_a_disconnect_frame(ws: Workspace, app: AsyncApp) -> None:
    retries = Retries(app)
    async with over_socket(ws, app):
        await ws.faults.disconnect()
        ana = ws.person("ana")
        await ana.say(ws.channel("ops", [ana]), "after")
        await ws.settled()

    assert len(set(retries.ids)) == 1


async def test_only_a_warned_connection_is_still_used(ws: Workspace, client: AsyncWebClient) -> None:
    url = (await client.apps_connections_open(app_token=ws.app_token))["url"]
    ana = ws.person("ana")
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as connection:
        frames = [await connection.receive_json()]
        await ws.faults.disconnect("warning")
        await ana.shortcut(None, "first")
        await ws.faults.disconnect()
        await ana.shortcut(None, "second")
        frames += [await connection.receive_json() for _ in range(3)]
        open_still = ws.connections

    assert [frame["type"] for frame in frames] == ["hello", "disconnect", "interactive", "disconnect"]
    assert open_still == 1


async def test_dropped_connections_are_reset(ws: Workspace, client: AsyncWebClient) -> None:
    url = (await client.apps_connections_open(app_token=ws.app_token))["url"]
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as connection:
        await connection.receive_json()

        ws.faults.drop_connections()
        left = ws.connections
        frame = await connection.receive()

    assert left == 0
    assert frame.type in {WSMsgType.CLOSED, WSMsgType.ERROR}


async def test_an_event_that_hit_a_dropped_connection_comes_again(ws: Workspace, app: AsyncApp) -> None:
    retries = Retries(app)
    async with over_socket(ws, app):
        ws.faults.drop_connections()
        ana = ws.person("ana")
        await ana.say(ws.channel("ops", [ana]), "hello")
        await ws.settled()

    assert len(set(retries.ids)) == 1


async def test_nothing_is_kept_for_an_app_that_was_never_there(ws: Workspace) -> None:
    ana = ws.person("ana")

    await ana.say(ws.channel("ops", [ana]), "hello")

    await ws.settled(timeout=0.1)


async def test_what_is_under_way_ends_with_the_workspace() -> None:
    async with Workspace.open() as ws:
        ws.request_url = "http://127.0.0.1:9/slack/events"
        ana = ws.person("ana")
        await ana.say(ws.channel("ops", [ana]), "hello")
        with pytest.raises(TimeoutError):
            await ws.settled(timeout=0.05)


async def test_open_connections_are_closed_with_the_workspace() -> None:
    async with aiohttp.ClientSession() as session:
        async with Workspace.open() as ws:
            client = AsyncWebClient(base_url=ws.api_url)
            url = (await client.apps_connections_open(app_token=ws.app_token))["url"]
            connection = await session.ws_connect(url)
            await connection.receive_json()
            await connection.send_bytes(b"not for Slack")
            closing = asyncio.create_task(connection.receive())
            await asyncio.sleep(0)

        frame = await closing

    assert frame.type is WSMsgType.CLOSE
