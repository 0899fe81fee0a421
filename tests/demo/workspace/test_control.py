"""The control API: acting as anyone over HTTP, for who has the token."""

from typing import Any

import aiohttp
import pytest
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.demo.workspace import Workspace
from tests.demo.workspace.conftest import Serve
from tests.demo.workspace.pieces import button, menu, modal

Json = dict[str, Any]


async def control(ws: Workspace, action: str, **args: object) -> Any:  # noqa: ANN401 - JSON
    """The result of an action, or its error."""
    status, body = await raw(ws, action, args)
    assert (status == 200) is body["ok"]
    return body["result"] if body["ok"] else body["error"]


async def raw(ws: Workspace, action: str, args: Json, headers: dict[str, str] | None = None) -> tuple[int, Json]:
    """The status and body of an action's answer."""
    headers = {"Authorization": f"Bearer {ws.control_token}"} | (headers or {})
    url = f"{ws.url}/control/{action}"
    async with aiohttp.ClientSession() as session, session.post(url, json=args, headers=headers) as answer:
        return answer.status, await answer.json()


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        pytest.param({"Authorization": "Bearer wrong"}, "wrong token", id="token"),
        pytest.param({"Authorization": ""}, "wrong token", id="no token"),
        pytest.param({"Host": "evil.example"}, "wrong Host", id="a rebound name"),
        pytest.param({"Origin": "https://evil.example"}, "wrong Origin", id="another page"),
        pytest.param({"Origin": "null"}, "wrong Origin", id="a sandboxed page"),
    ],
)
async def test_only_who_has_the_token_acts_and_only_from_here(
    ws: Workspace, headers: dict[str, str], error: str
) -> None:
    assert await raw(ws, "people", {}, headers) == (403, {"ok": False, "error": error})


async def test_a_page_of_our_own_may_act_with_the_token_in_its_address(ws: Workspace) -> None:
    url = f"{ws.url}/control/person?name=ana&token={ws.control_token}"
    async with aiohttp.ClientSession() as session, session.get(url, headers={"Origin": ws.url}) as answer:
        assert answer.status == 200


async def test_people_talk_and_see(ws: Workspace) -> None:
    await control(ws, "person", name="ana", tz="Europe/Berlin", admin=True)
    await control(ws, "channel", name="ops", members=["ana", "ben"])

    said = await control(ws, "say", **{"as": "ana", "channel": "ops", "text": "hello", "files": {"a.txt": "x"}})
    await control(ws, "say", **{"as": "ben", "channel": "#ops", "text": "hi", "thread": said["ts"]})
    at = {"channel": "ops", "ts": said["ts"]}
    await control(ws, "edit", **{"as": "ana", "text": "hello all", **at})
    for action in ("react", "pin"):
        await control(ws, action, **{"as": "ben", "name": "eyes", **at})

    first, second = await control(ws, "sees", **{"as": "ben", "channel": "ops"})
    assert (first["plain"], first["edited"], first["pinned"]) == ("hello all\n[file: a.txt]", True, True)
    assert second["thread_ts"] == said["ts"]
    assert first["reactions"] == {"eyes": [ws.person("ben").id]}
    lines = await control(ws, "screen", **{"as": "ben", "channel": "ops"})
    assert lines[0] == "#ops"
    assert lines[1].endswith("ana (edited) (pinned): hello all")
    for action in ("unreact", "unpin", "delete"):
        await control(ws, action, **{"as": "ben" if action != "delete" else "ana", "name": "eyes", **at})
    assert (await control(ws, "sees", **{"as": "ben", "channel": "ops"}))[0]["deleted"]
    await control(ws, "leave", **{"as": "ben", "channel": "ops"})
    await control(ws, "join", **{"as": "ben", "channel": "ops"})


async def test_people_use_the_app(ws: Workspace, app: AsyncApp, serve: Serve, client: AsyncWebClient) -> None:
    @app.command("/ops")
    async def command(ack: AsyncAck, body: Json) -> None:
        await ack("status: fine")
        if body["text"] == "ask":
            await client.views_open(trigger_id=body["trigger_id"], view=modal())

    async def silent(ack: AsyncAck) -> None:
        await ack()

    for action_id in ("go", "pick"):
        app.action(action_id)(silent)
    app.view("ask")(silent)
    app.shortcut("note")(silent)
    await serve(app)
    ana = ws.person("ana")
    channel = ws.channel("ops", [ana])
    blocks = [{"type": "actions", "elements": [button("go", "Go"), menu("static_select", "pick")]}]
    posted = await client.chat_postMessage(channel=channel.id, text="card", blocks=blocks)
    at = {"as": "ana", "channel": channel.id, "ts": posted["ts"]}

    turn = await control(ws, "command", **{"as": "ana", "line": "/ops"})
    clicked = await control(ws, "click", **at, name="Go")
    await control(ws, "select", **at, name="pick", value="b")
    await control(ws, "shortcut", **at, callback_id="note")
    await control(ws, "shortcut", **{"as": "ana", "callback_id": "note"})
    await control(ws, "command", **{"as": "ana", "line": "/ops ask"})
    await ana.wait_for_modal()
    shown = await control(ws, "modal", **{"as": "ana"})
    sent = await control(ws, "submit", **{"as": "ana", "values": {"Reason": "x"}})

    assert [reply["plain"] for reply in turn["replies"]] == ["status: fine"]
    assert clicked["error"] is None
    assert (shown["title"], sent["errors"]) == ("Ask", {})
    assert await control(ws, "modal", **{"as": "ana"}) is None
    waited = await control(ws, "wait_for", **{"as": "ana", "text": "fine", "timeout": 1})
    assert waited["ephemeral"]
    assert len(await control(ws, "calls", method="views.open")) == 1


async def test_home_is_opened_and_views_are_closed(ws: Workspace, client: AsyncWebClient) -> None:
    ana = ws.person("ana")
    home = {"type": "home", "blocks": [{"type": "actions", "elements": [button("go", "Go")]}]}

    assert await control(ws, "home", **{"as": "ana"}) is None
    await client.views_publish(user_id=ana.id, view=home)
    opened = await control(ws, "open_home", **{"as": "ana"})
    ws.request_url = "http://127.0.0.1:9/"
    clicked = await control(ws, "click", **{"as": "ana", "view": "home", "name": "Go"})
    await client.views_open(trigger_id=ws.core.surfaces.trigger(ana.id), view=modal())
    await control(ws, "close", **{"as": "ana"})

    assert opened["plain"] == "[Go]"
    assert clicked["error"] == "dispatch_failed"
    assert ana.modal is None


async def test_faults_and_the_transport_are_set(ws: Workspace, client: AsyncWebClient) -> None:
    await control(ws, "fault", **{"fault": "fail", "with": {"method": "auth.test", "error": "x"}})
    await control(ws, "fault", fault="clear")
    await control(ws, "request_url", url="http://127.0.0.1:9/")

    await client.auth_test()
    assert ws.request_url == "http://127.0.0.1:9/"


@pytest.mark.parametrize(
    ("action", "args", "error"),
    [
        pytest.param("explode", {}, "no action 'explode'; there are: say, edit", id="action"),
        pytest.param("sees", {}, "invalid_arguments", id="nobody"),
        pytest.param("sees", {"as": "ana", "channel": "none"}, "no channel 'none'", id="channel"),
        pytest.param("pin", {"as": "ana", "ts": "1.0"}, "ana sees no message 1.0", id="message"),
        pytest.param("click", {"as": "ana", "name": "Go"}, "ana has no view open", id="view"),
        pytest.param("fault", {"fault": "flood"}, "no fault 'flood'; there are: redeliver", id="fault"),
        pytest.param(
            "fault", {"fault": "slow", "with": {"x": 1}}, "unexpected keyword argument 'x'", id="fault's word"
        ),
        pytest.param("wait_for", {"as": "ana", "text": "x", "timeout": "0.01"}, "no message with 'x'", id="wait"),
    ],
)
async def test_what_does_not_work_is_told(ws: Workspace, action: str, args: Json, error: str) -> None:
    assert error in await control(ws, action, **args)
