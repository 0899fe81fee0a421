"""Clicks, menus and shortcuts on messages."""

import asyncio
from typing import Any

import pytest
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncRespond
from slack_sdk.web.async_client import AsyncWebClient

from bot.demo.workspace import Seen, Workspace
from tests.demo.workspace.conftest import Serve
from tests.demo.workspace.pieces import button, menu, option

Json = dict[str, Any]


async def card(ws: Workspace, client: AsyncWebClient, *elements: Json, thread_ts: str | None = None) -> Seen:
    """A card with these elements in #ops, as ana sees it."""
    ana = ws.person("ana")
    channel = ws.channel("ops", [ana])
    blocks = [{"type": "actions", "block_id": "row", "elements": list(elements)}]
    posted = await client.chat_postMessage(channel=channel.id, text="card", blocks=blocks, thread_ts=thread_ts)
    return await ana.wait_for(channel, lambda seen: seen.ts == posted["ts"])


async def test_a_click_carries_the_message_and_the_value(
    ws: Workspace, app: AsyncApp, serve: Serve, acted: list[Json], client: AsyncWebClient
) -> None:
    await serve(app)
    ana = ws.person("ana")
    seen = await card(ws, client, button("go", "Confirm", value="row-7"), button("more", "Cancel"))

    turn = await ana.click(seen, "Confirm")

    (body,) = acted
    assert turn.error is None
    assert (body["user"]["id"], body["container"]["message_ts"], body["message"]["text"]) == (ana.id, seen.ts, "card")
    (action,) = body["actions"]
    assert (action["action_id"], action["block_id"], action["value"]) == ("go", "row", "row-7")
    assert seen.buttons() == ["Confirm", "Cancel"]
    assert seen.actions() == ["go", "more"]


async def test_a_click_below_a_message_names_its_thread(
    ws: Workspace, app: AsyncApp, serve: Serve, acted: list[Json], client: AsyncWebClient
) -> None:
    await serve(app)
    ana = ws.person("ana")
    parent = await ana.say(ws.channel("ops", [ana]), "down?")

    await ana.click(await card(ws, client, button("go", "Go"), thread_ts=parent.ts), "go")

    assert acted[0]["container"]["thread_ts"] == parent.ts


async def test_a_click_can_replace_its_message(
    ws: Workspace, app: AsyncApp, serve: Serve, client: AsyncWebClient
) -> None:
    @app.action("go")
    async def go(ack: AsyncAck, respond: AsyncRespond) -> None:
        await ack()
        await respond("done", replace_original=True)

    await serve(app)
    ana = ws.person("ana")
    seen = await card(ws, client, button("go", "Go"))

    turn = await ana.click(seen, "go")
    reply = await turn.reply()

    assert (reply.plain(), reply.ts, reply.edited) == ("done", seen.ts, True)


async def test_a_click_on_an_ephemeral_message_brings_no_message_and_can_remove_it(
    ws: Workspace, app: AsyncApp, serve: Serve, client: AsyncWebClient
) -> None:
    bodies: list[Json] = []

    @app.action("go")
    async def go(ack: AsyncAck, respond: AsyncRespond, body: Json) -> None:
        bodies.append(body)
        await ack()
        await respond(delete_original=True)

    await serve(app)
    ana, ben = ws.person("ana"), ws.person("ben")
    channel = ws.channel("ops", [ana, ben])
    blocks = [{"type": "actions", "elements": [button("go", "Go")]}]
    await client.chat_postEphemeral(channel=channel.id, user=ana.id, text="?", blocks=blocks)
    seen = await ana.wait_for(channel, "[Go]")

    await ana.click(seen, "Go")
    await ws.wait_for_call("response_url")

    assert "message" not in bodies[0]
    assert bodies[0]["container"]["is_ephemeral"] is True
    assert ana.sees(channel) == []
    with pytest.raises(LookupError, match="ben does not see"):
        await ben.click(seen, "Go")


@pytest.mark.parametrize(
    ("element", "value", "field", "chosen"),
    [
        pytest.param(menu("static_select", "pick"), "Beta", "selected_option", option("b", "Beta"), id="select"),
        pytest.param(menu("overflow", "pick"), "a", "selected_option", option("a", "Alpha"), id="overflow"),
        pytest.param(menu("checkboxes", "pick"), ["a", "b"], "selected_options", None, id="checkboxes"),
        pytest.param({"type": "users_select", "action_id": "pick"}, "U1", "selected_user", "U1", id="user"),
        pytest.param(
            {"type": "datepicker", "action_id": "pick"}, "2026-03-02", "selected_date", "2026-03-02", id="date"
        ),
    ],
)
async def test_a_choice_carries_what_was_chosen(
    ws: Workspace,
    app: AsyncApp,
    serve: Serve,
    acted: list[Json],
    client: AsyncWebClient,
    *,
    element: Json,
    value: object,
    field: str,
    chosen: object,
) -> None:
    await serve(app)
    seen = await card(ws, client, element)

    await ws.person("ana").select(seen, "pick", value)

    assert acted[0]["actions"][0][field] == (chosen or [option("a", "Alpha"), option("b", "Beta")])


async def test_choices_on_a_message_are_kept_for_each_person(
    ws: Workspace, app: AsyncApp, serve: Serve, acted: list[Json], client: AsyncWebClient
) -> None:
    await serve(app)
    ana, ben = ws.person("ana"), ws.person("ben")
    seen = await card(ws, client, menu("static_select", "pick"), button("go", "Go"))

    await ana.select(seen, "pick", "b")
    await ana.click(seen, "Go")
    await ben.click(seen, "Go")

    held = [body["state"]["values"]["row"]["pick"]["selected_option"] for body in acted]
    assert held == [option("b", "Beta"), option("b", "Beta"), None]


async def test_who_does_not_see_a_card_cannot_click_it(ws: Workspace, client: AsyncWebClient) -> None:
    ana, eve = ws.person("ana"), ws.person("eve")
    channel = ws.channel("secret", [ana], private=True)
    blocks = [{"type": "actions", "elements": [button("go", "Go")]}]
    await client.chat_postMessage(channel=channel.id, text="card", blocks=blocks)
    seen = await ana.wait_for(channel, "[Go]")

    with pytest.raises(LookupError, match="eve does not see this message"):
        await eve.click(seen, "Go")
    with pytest.raises(TimeoutError):
        await eve.wait_for(channel, "[Go]", timeout=0.01)


async def test_what_is_not_there_cannot_be_clicked_or_chosen(ws: Workspace, client: AsyncWebClient) -> None:
    ana = ws.person("ana")
    seen = await card(ws, client, button("go", "Go"), menu("static_select", "pick"))

    with pytest.raises(LookupError, match="nothing called 'Stop' here; there is: 'Go', ''"):
        await ana.click(seen, "Stop")
    with pytest.raises(LookupError, match="no option 'c' in pick; there are: a, b"):
        await ana.select(seen, "pick", "c")


async def test_a_click_that_nobody_acks_is_told(
    ws: Workspace, app: AsyncApp, serve: Serve, client: AsyncWebClient
) -> None:
    @app.action("go")
    async def go(ack: AsyncAck) -> None:
        await asyncio.sleep(1.2)
        await ack()

    await serve(app)
    ana = ws.person("ana")

    turn = await ana.click(await card(ws, client, button("go", "Go")), "Go")

    assert turn.timed_out
    assert ana.sees(ws.channel("ops"))[-1].plain() == 'The app did not respond ("operation_timeout").'


async def test_shortcuts_come_with_and_without_a_message(
    ws: Workspace, app: AsyncApp, serve: Serve, acted: list[Json]
) -> None:
    await serve(app)
    ana = ws.person("ana")
    said = await ana.say(ws.channel("ops", [ana]), "remember this")

    await ana.shortcut(said, "note")
    turn = await ana.shortcut(None, "note")

    on_message, anywhere = acted
    assert (on_message["type"], on_message["message"]["text"]) == ("message_action", "remember this")
    assert anywhere["type"] == "shortcut"
    with pytest.raises(TimeoutError, match="no response_url"):
        await turn.reply()
