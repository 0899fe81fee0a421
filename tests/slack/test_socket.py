from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from bot.core.errors import IntegrationError
from bot.demo.workspace import Workspace
from bot.slack import socket
from bot.slack.client import open_session, web_client
from bot.slack.runner import Runner
from bot.slack.socket import CONNECTIONS, Sockets
from tests.fixtures_slack import SlackBot, until


async def answers(workspace: Workspace) -> bool:
    """Whether a command that is typed now is answered."""
    ana = workspace.person("ana")
    turn = await ana.command(workspace.channel("ops", [ana]), "/ops ping")
    return (await turn.reply()).plain() == "pong"


def opened(workspace: Workspace) -> int:
    """How often a connection was asked for."""
    return len([call for call in workspace.calls if call.method == "apps.connections.open"])


async def test_two_connections_are_open(workspace: Workspace, slack_bot: SlackBot) -> None:
    await until(lambda: workspace.connections == CONNECTIONS)

    assert CONNECTIONS == 2


async def test_connections_that_slack_asks_back_are_replaced_without_a_gap(
    workspace: Workspace, slack_bot: SlackBot
) -> None:
    await until(lambda: workspace.connections == 2)
    await workspace.faults.disconnect()

    assert await answers(workspace)
    await until(lambda: opened(workspace) == 4)


async def test_the_old_connection_is_closed_after_its_last_words(
    workspace: Workspace, slack_bot: SlackBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "_LAST_WORDS", 0.1)
    await until(lambda: workspace.connections == 2)

    await workspace.faults.disconnect("warning")

    await until(lambda: workspace.connections == 4)
    await until(lambda: workspace.connections == 2)
    assert await answers(workspace)


async def test_a_reset_is_followed_by_new_connections(workspace: Workspace, slack_bot: SlackBot) -> None:
    await until(lambda: workspace.connections == 2)

    workspace.faults.drop_connections()

    await until(lambda: opened(workspace) == 4 and workspace.connections == 2)
    assert await answers(workspace)


async def test_a_disconnect_whose_next_handshake_fails_is_survived(workspace: Workspace, slack_bot: SlackBot) -> None:
    await until(lambda: workspace.connections == 2)
    workspace.faults.fail("apps.connections.open", "internal_error", times=3)

    workspace.faults.drop_connections()

    await until(lambda: opened(workspace) == 7 and workspace.connections == 2)
    assert await answers(workspace)


async def test_an_idle_connection_outlives_the_timeout_of_calls(workspace: Workspace, slack_bot: SlackBot) -> None:
    await until(lambda: workspace.connections == 2)

    await asyncio.sleep(11)

    assert workspace.connections == opened(workspace) == 2


class Relay:
    """Stands where Slack's socket stands, and says what it is told to."""

    def __init__(self, first: list[Any]) -> None:
        self.first = first
        self.heard: list[Any] = []
        self.handshakes = 0

    async def open(self, request: web.Request) -> web.Response:
        return web.json_response({"ok": True, "url": f"ws://{request.host}/link"})

    async def link(self, request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        self.handshakes += 1
        for frame in self.first:
            await (ws.send_bytes(frame) if isinstance(frame, bytes) else ws.send_json(frame))
        async for message in ws:
            self.heard.append(message.json())
        return ws


async def receive(payload: dict[str, Any], headers: Any) -> tuple[int, dict[str, Any]]:  # noqa: ANN401 - headers do not matter here
    await asyncio.sleep(payload["takes"])
    return payload["status"], {"text": "hi"} if payload["status"] == 200 else {}


async def talk(relay: Relay, *, seconds: float = 0.3) -> Sockets:
    """Let the bot connect to `relay`, and stop it in the middle of whatever it does."""
    app = web.Application()
    app.router.add_post("/api/apps.connections.open", relay.open)
    app.router.add_get("/link", relay.link)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with open_session() as session:
        client = web_client(session, token="xoxb-1", api_url=f"http://127.0.0.1:{runner.addresses[0][1]}/api/")
        sockets = Sockets(client, app_token="xapp-1", session=session, receive=receive)
        try:
            async with asyncio.timeout(seconds):
                await sockets.start()
                await asyncio.sleep(seconds)
        except TimeoutError:
            pass
        await sockets.stop()
        await asyncio.sleep(0.05)
    await runner.cleanup()
    return sockets


def envelope(number: int, *, takes: float = 0, status: int = 200) -> dict[str, Any]:
    return {"type": "events_api", "envelope_id": str(number), "payload": {"takes": takes, "status": status}}


async def test_what_was_read_before_the_stop_is_acked_and_what_failed_is_not() -> None:
    relay = Relay([{"type": "hello"}, envelope(1, takes=0.6), envelope(2, status=503), b"noise", {"type": "other"}])

    sockets = await talk(relay)

    assert relay.heard == [{"envelope_id": "1", "payload": {"text": "hi"}}] * 2
    with pytest.raises(IntegrationError, match="No Socket Mode connection"):
        await sockets.check()


@pytest.mark.parametrize(
    "first",
    [
        pytest.param([{"type": "disconnect", "reason": "too_many_websockets"}], id="refused"),
        pytest.param([b"noise"], id="no greeting"),
    ],
)
async def test_a_connection_that_is_not_greeted_is_no_connection(first: list[Any]) -> None:
    relay = Relay(first)

    await talk(relay, seconds=1)

    assert relay.handshakes >= 2


async def test_the_bot_is_ready_while_a_connection_is_open(slack_bot: SlackBot, workspace: Workspace) -> None:
    async with slack_bot.link.sockets(slack_bot.door, app_token=workspace.app_token) as sockets:
        await sockets.check()

        assert sockets.connected >= 1


async def test_work_that_does_not_end_is_cut_off_and_counted() -> None:
    runner = Runner()
    runner.start(asyncio.sleep(60))
    runner.start(asyncio.sleep(0))

    assert await runner.drain(timedelta(seconds=0.1)) == 1
    assert len(runner) == 0
