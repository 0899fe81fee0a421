"""Clicks, menus, shortcuts, modals and App Home."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncRespond
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.demo.workspace import Seen, Workspace
from bot.demo.workspace.hooks import KEPT as HOOKS_KEPT
from bot.demo.workspace.surfaces import TRIGGERS_KEPT
from bot.demo.workspace.values import SlackError
from tests.conftest import SetClock
from tests.demo.workspace.conftest import Serve
from tests.demo.workspace.shapes import Shapes

Json = dict[str, Any]


def button(action_id: str, words: str, **more: object) -> Json:
    return {"type": "button", "action_id": action_id, "text": {"type": "plain_text", "text": words}, **more}


def option(value: str, words: str) -> Json:
    return {"value": value, "text": {"type": "plain_text", "text": words}}


def menu(kind: str, action_id: str, **more: object) -> Json:
    return {"type": kind, "action_id": action_id, "options": [option("a", "Alpha"), option("b", "Beta")], **more}


def words(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def modal(title: str = "Ask", **more: object) -> Json:
    """A modal with one input that must be filled and one that may be left empty."""
    return {
        "type": "modal",
        "callback_id": "ask",
        "title": words(title),
        "submit": words("Send"),
        "close": words("Cancel"),
        "private_metadata": "row-1",
        "blocks": [
            {
                "type": "input",
                "block_id": "why",
                "label": words("Reason"),
                "element": {"type": "plain_text_input", "action_id": "reason"},
            },
            {
                "type": "input",
                "block_id": "size",
                "label": words("Severity"),
                "optional": True,
                "element": menu("static_select", "severity"),
            },
        ],
        **more,
    }


async def card(ws: Workspace, client: AsyncWebClient, *elements: Json, thread_ts: str | None = None) -> Seen:
    """A card with these elements in #ops, as ana sees it."""
    ana = ws.person("ana")
    channel = ws.channel("ops", [ana])
    blocks = [{"type": "actions", "block_id": "row", "elements": list(elements)}]
    posted = await client.chat_postMessage(channel=channel.id, text="card", blocks=blocks, thread_ts=thread_ts)
    return await ana.wait_for(channel, lambda seen: seen.ts == posted["ts"])


@pytest.fixture
def acted(app: AsyncApp) -> list[Json]:
    """The bodies of all interactions, each acked with nothing."""
    bodies: list[Json] = []

    async def hear(ack: AsyncAck, body: Json) -> None:
        bodies.append(body)
        await ack()

    for action_id in ("go", "pick", "more"):
        app.action(action_id)(hear)
    app.shortcut("note")(hear)
    app.view("ask")(hear)
    app.view_closed("ask")(hear)
    return bodies


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


async def ask(ws: Workspace, app: AsyncApp, serve: Serve, answer: Json) -> list[Json]:
    """Opens the modal for ana; its submission is acked with `answer`. Gives what was submitted."""
    submitted: list[Json] = []

    @app.command("/ask")
    async def command(ack: AsyncAck, client: AsyncWebClient, command: Json) -> None:
        await ack()
        await client.views_open(trigger_id=command["trigger_id"], view=modal())

    @app.view("ask")
    async def submit(ack: AsyncAck, body: Json) -> None:
        submitted.append(body)
        await ack(**answer)

    await serve(app)
    ana = ws.person("ana")
    await ana.command(ana.dm(), "/ask")
    await ana.wait_for_modal()
    return submitted


async def test_a_modal_is_filled_in_and_submitted(ws: Workspace, app: AsyncApp, serve: Serve) -> None:
    submitted = await ask(ws, app, serve, {})
    ana = ws.person("ana")
    view = await ana.wait_for_modal("Reason")

    turn = await ana.submit(view, {"Reason": "provider is down", "severity": "Beta"})

    (body,) = submitted
    values = body["view"]["state"]["values"]
    assert values["why"]["reason"] == {"type": "plain_text_input", "value": "provider is down"}
    assert values["size"]["severity"]["selected_option"]["value"] == "b"
    assert body["view"]["private_metadata"] == "row-1"
    assert (turn.error, turn.errors, ana.modal) == (None, {}, None)
    assert view.plain() == "Ask\nReason: []\nSeverity: [Alpha | Beta]\n[Send] [Cancel]"


async def test_an_unfilled_modal_is_not_sent(ws: Workspace, app: AsyncApp, serve: Serve) -> None:
    submitted = await ask(ws, app, serve, {})
    ana = ws.person("ana")

    turn = await ana.submit(await ana.wait_for_modal())

    assert turn.errors == {"why": "Please complete this required field."}
    assert submitted == []
    assert ana.modal is not None


async def test_errors_are_shown_at_the_inputs(ws: Workspace, app: AsyncApp, serve: Serve) -> None:
    await ask(ws, app, serve, {"response_action": "errors", "errors": {"why": "too short"}})
    ana = ws.person("ana")

    turn = await ana.submit(await ana.wait_for_modal(), {"why": "x"})

    assert turn.errors == {"why": "too short"}
    assert ana.modal is not None
    assert ana.modal.errors == {"why": "too short"}
    assert "too short" in ana.modal.plain()


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        pytest.param({"response_action": "update", "view": modal("Changed")}, ["Changed"], id="update"),
        pytest.param({"response_action": "push", "view": modal("Second")}, ["Second", "Ask"], id="push"),
        pytest.param({"response_action": "clear"}, [], id="clear"),
    ],
)
async def test_a_submission_can_change_the_stack(
    ws: Workspace, app: AsyncApp, serve: Serve, answer: Json, left: list[str]
) -> None:
    await ask(ws, app, serve, answer)
    ana = ws.person("ana")

    await ana.submit(await ana.wait_for_modal(), {"why": "x"})

    titles = []
    while (view := ana.modal) is not None:
        titles.append(view.title)
        await ana.close(view)
    assert titles == left


async def test_a_submission_that_nobody_acks_stays_open(ws: Workspace, app: AsyncApp, serve: Serve) -> None:
    @app.command("/ask")
    async def command(ack: AsyncAck, client: AsyncWebClient, command: Json) -> None:
        await ack()
        await client.views_open(trigger_id=command["trigger_id"], view=modal())

    await serve(app)
    ana = ws.person("ana")
    await ana.command(ana.dm(), "/ask")
    view = await ana.wait_for_modal()

    turn = await ana.submit(view, {"why": "x"})

    assert turn.error in {"operation_timeout", "http_service_error"}
    assert ana.modal is not None
    assert "We had some trouble connecting. Try again?" in ana.modal.plain()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"response_action": "errors", "errors": {"elsewhere": "?"}}, id="error at no input"),
        pytest.param({"response_action": "update", "view": {"type": "modal"}}, id="broken view"),
        pytest.param({"response_action": "explode"}, id="unknown action"),
    ],
)
async def test_an_answer_that_makes_no_sense_is_trouble(
    ws: Workspace, app: AsyncApp, serve: Serve, answer: Json
) -> None:
    await ask(ws, app, serve, answer)
    ana = ws.person("ana")

    turn = await ana.submit(await ana.wait_for_modal(), {"why": "x"})

    assert turn.error is not None
    assert turn.errors == {"": "We had some trouble connecting. Try again?"}


async def test_closing_is_told_to_who_asked_for_it(
    ws: Workspace, app: AsyncApp, serve: Serve, acted: list[Json], client: AsyncWebClient
) -> None:
    await serve(app)
    ana = ws.person("ana")
    for notify in (True, False):
        trigger = ws.core.surfaces.trigger(ana.id)
        await client.views_open(trigger_id=trigger, view=modal(notify_on_close=notify))
        await ana.close(await ana.wait_for_modal(), whole_stack=True)

    (body,) = acted
    assert (body["type"], body["is_cleared"], ana.modal) == ("view_closed", True, None)


async def test_buttons_in_a_modal_act_on_its_view(
    ws: Workspace, app: AsyncApp, serve: Serve, acted: list[Json], client: AsyncWebClient
) -> None:
    await serve(app)
    ana = ws.person("ana")
    view = modal()
    view["blocks"].append(
        {"type": "actions", "block_id": "row", "elements": [button("go", "Go"), menu("static_select", "pick")]}
    )
    await client.views_open(trigger_id=ws.core.surfaces.trigger(ana.id), view=view)
    seen = await ana.wait_for_modal()

    await ana.click(seen, "Go")
    await ana.select(seen, "pick", "a")

    assert seen.buttons() == ["Go"]
    assert [body["container"]["view_id"] for body in acted] == [seen.id, seen.id]
    assert acted[1]["view"]["state"]["values"]["row"]["pick"]["selected_option"]["value"] == "a"
    with pytest.raises(LookupError, match="ben does not see this view: 'Ask'"):
        await ws.person("ben").click(seen, "Go")


async def test_a_trigger_opens_one_modal_within_three_seconds(clock: SetClock) -> None:
    async with Workspace.open(clock=clock) as ws:
        client = AsyncWebClient(token=ws.bot_token, base_url=ws.api_url)
        ana = ws.person("ana")

        async def opened(trigger_id: str) -> str:
            try:
                await client.views_open(trigger_id=trigger_id, view=modal())
            except SlackApiError as error:
                return str(error.response["error"])
            return "ok"

        used, late = ws.core.surfaces.trigger(ana.id), ws.core.surfaces.trigger(ana.id)
        clock.advance(timedelta(seconds=2.9))
        results = [await opened(used), await opened(used)]
        clock.advance(timedelta(seconds=0.1))
        results += [await opened(late), await opened("nonsense")]

    assert results == ["ok", "exchanged_trigger_id", "expired_trigger_id", "invalid_trigger_id"]


async def error_of(call: Any) -> str:  # noqa: ANN401 - any call of the client
    with pytest.raises(SlackApiError) as caught:
        await call
    return str(caught.value.response["error"])


async def test_views_are_updated_pushed_and_refused_as_slack_does(ws: Workspace, client: AsyncWebClient) -> None:
    ana = ws.person("ana")
    opened = await client.views_open(trigger_id=ws.core.surfaces.trigger(ana.id), view=modal(external_id="mine"))
    view = await ana.wait_for_modal()
    ana.fill(view, {"why": "kept"})

    await client.views_update(external_id="mine", view=modal("Later", external_id="mine"))
    later = await ana.wait_for_modal("Later")
    assert later.values["why"]["reason"]["value"] == "kept"
    assert later.id == opened["view"]["id"]

    trigger = ws.core.surfaces.trigger
    conflict = client.views_update(view_id=view.id, hash=view.hash, view=modal())
    assert await error_of(conflict) == "hash_conflict"
    assert await error_of(client.views_update(view_id="V0", view=modal())) == "not_found"
    assert await error_of(client.views_push(trigger_id=trigger(ws.person("ben").id), view=modal())) == "not_found"
    await client.views_push(trigger_id=trigger(ana.id), view=modal("2"))
    await client.views_push(trigger_id=trigger(ana.id), view=modal("3"))
    assert await error_of(client.views_push(trigger_id=trigger(ana.id), view=modal("4"))) == "push_limit_reached"
    assert await error_of(client.views_open(trigger_id=trigger(ana.id), view={"type": "home", "blocks": []})) in {
        "invalid_arguments",
        "invalid_blocks",
    }
    taken = client.views_open(trigger_id=trigger(ana.id), view=modal(external_id="mine"))
    assert await error_of(taken) == "duplicate_external_id"


async def test_home_is_published_and_opened(
    ws: Workspace, app: AsyncApp, serve: Serve, client: AsyncWebClient, shapes: Shapes
) -> None:
    opened: list[Json] = []

    @app.event("app_home_opened")
    async def on_open(event: Json, client: AsyncWebClient) -> None:
        opened.append(event)
        blocks = [{"type": "header", "text": words(f"Visit {len(opened)}")}]
        await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": blocks})

    await serve(app)
    ana = ws.person("ana")

    first = await ana.open_home()
    await ana.wait_for_home("Visit 1")
    second = await ana.open_home()
    home = await ana.wait_for_home(lambda view: view.plain() == "Visit 2")
    await ws.settled()

    assert first is None
    assert second is not None
    assert "view" in opened[1]
    stale = client.views_publish(user_id=ana.id, hash=second.hash, view={"type": "home", "blocks": home.blocks})
    assert await error_of(stale) == "hash_conflict"
    assert "app_home_opened" in shapes.seen


async def test_old_triggers_and_answers_are_forgotten(ws: Workspace, client: AsyncWebClient) -> None:
    ana = ws.person("ana")
    trigger, hook = ws.core.surfaces.trigger(ana.id), ws.core.hooks.open(ana.user, ana.dm())
    for _ in range(TRIGGERS_KEPT):
        ws.core.surfaces.trigger(ana.id)
    for _ in range(HOOKS_KEPT):
        ws.core.hooks.open(ana.user, ana.dm())

    assert await error_of(client.views_open(trigger_id=trigger, view=modal())) == "invalid_trigger_id"
    with pytest.raises(SlackError, match="expired_url"):
        ws.core.hooks.use(hook.token, {"text": "late"})


async def test_a_home_is_no_modal(ws: Workspace, client: AsyncWebClient) -> None:
    ana = ws.person("ana")
    home = {"type": "home", "blocks": [{"type": "divider"}]}

    assert (
        await error_of(client.views_open(trigger_id=ws.core.surfaces.trigger(ana.id), view=home)) == "invalid_arguments"
    )
    with pytest.raises(TimeoutError, match="no view for ana"):
        await ana.wait_for_modal(timeout=0.01)
