"""Modals and App Home."""

from datetime import timedelta
from typing import Any

import pytest
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.demo.workspace import Workspace
from bot.demo.workspace.hooks import KEPT as HOOKS_KEPT
from bot.demo.workspace.surfaces import TRIGGERS_KEPT
from bot.demo.workspace.values import SlackError
from tests.conftest import SetClock
from tests.demo.workspace.conftest import Serve
from tests.demo.workspace.pieces import button, menu, modal, words
from tests.demo.workspace.shapes import Shapes
from tests.demo.workspace.test_chat import error_of

Json = dict[str, Any]


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
