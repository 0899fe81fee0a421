"""The shape tables themselves, and our payloads beside those that Slack was seen to send."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.demo.workspace import Workspace
from tests.demo.workspace.pieces import button, modal
from tests.demo.workspace.shapes import EVENTS, INTERACTIONS, Shapes, mismatches

Json = dict[str, Any]
PAYLOADS = Path(__file__).resolve().parents[3].parent / "shared" / "slack" / "payloads"


@pytest.mark.parametrize(
    ("value", "shape", "fault"),
    [
        pytest.param({"a": 1}, {"a": str}, "x.a: 1 is no str", id="type"),
        pytest.param({"a": True}, {"a": int}, "x.a: True is no int", id="bool for int"),
        pytest.param({}, {"a": str}, "x.a is missing", id="missing"),
        pytest.param({"b": 1}, {"a?": str}, "x.b is not in Slack's payload", id="unknown"),
        pytest.param({"a": "m"}, {"a": "=n"}, "x.a: 'm' is not 'n'", id="constant"),
        pytest.param({"a": ["b", 1]}, {"a": [str]}, "x.a[]: 1 is no str", id="list"),
        pytest.param({"a": "b"}, {"a": [str]}, "x.a: 'b' is no list", id="no list"),
        pytest.param({"a": "b"}, {"a": {"c": str}}, "x.a: 'b' is no object", id="no object"),
        pytest.param({"a": 1}, {"a": (str, type(None))}, "x.a: 1 is no str", id="alternatives"),
    ],
)
def test_a_shape_finds_what_is_wrong(value: Json, shape: Json, fault: str) -> None:
    assert mismatches(value, shape, "x") == [fault]


@pytest.mark.parametrize(
    ("value", "shape"),
    [({"a": None}, {"a": (str, type(None))}), ({"a": 1, "z": 2}, {"a": int, "*": object}), ({}, {"a?": str})],
)
def test_a_shape_lets_pass_what_is_right(value: Json, shape: Json) -> None:
    assert mismatches(value, shape, "x") == []


async def everything(ws: Workspace, app: AsyncApp, client: AsyncWebClient) -> None:
    """Each kind of payload once."""
    ana, ben = ws.person("ana"), ws.person("ben")
    channel, private = ws.channel("ops", [ana, ben]), ws.channel("secret", [ana], private=True)
    parent = await ana.say(channel, "@opsbot look")
    await ana.say(channel, "a file", files=[("a.txt", b"x")])
    await ben.say(channel, "reply", thread=parent)
    await ben.react(parent, "eyes")
    await ben.unreact(parent, "eyes")
    await ben.pin(parent)
    await ben.unpin(parent)
    await ana.delete(await ana.edit(await ana.say(channel, "x"), "y"))
    await ben.leave(channel)
    await ana.invite(channel, ben)
    await client.conversations_create(name="new")
    for one in (channel, private):
        await ana.rename(one, f"{one.name}-2")
        await ana.archive(one)
    await ana.unarchive(channel)
    await ana.open_home()
    await ana.command(channel, "/ops")
    blocks = [{"type": "actions", "elements": [button("go", "Go", value="1")]}]
    posted = await client.chat_postMessage(channel=channel.id, text="card", blocks=blocks)
    card = await ana.wait_for(channel, lambda seen: seen.ts == posted["ts"])
    await ana.click(card, "Go")
    await ana.shortcut(card, "note")
    await ana.shortcut(None, "note")
    await client.views_open(trigger_id=ws.core.surfaces.trigger(ana.id), view=modal(notify_on_close=True))
    await ana.submit(await ana.wait_for_modal(), {"Reason": "x"})
    await client.views_open(trigger_id=ws.core.surfaces.trigger(ana.id), view=modal(notify_on_close=True))
    await ana.close(await ana.wait_for_modal())
    await ws.settled()


@pytest.fixture
async def sent(ws: Workspace, app: AsyncApp, client: AsyncWebClient, shapes: Shapes) -> dict[str, Json]:
    """One payload of each kind, by its name in the tables."""
    ws.request_url = f"{ws.url}/api/api.test"  # whoever answers at once
    await everything(ws, app, client)
    return shapes.seen


async def test_every_payload_that_we_know_is_sent_and_right(sent: dict[str, Json], shapes: Shapes) -> None:
    assert set(sent) == {"command", "event_callback", *EVENTS, *INTERACTIONS}
    assert shapes.faults == []


def load(name: str) -> Json:
    path = PAYLOADS / name
    if not path.exists():
        pytest.skip("no payloads of Slack's SDKs beside this checkout")
    body: Json = json.loads(path.read_text(encoding="utf-8"))
    return body


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("message", "MessagePayload.json"),
        ("message_changed", "MessageChangedPayload.json"),
        ("reaction_added", "ReactionAddedPayload.json"),
        ("reaction_removed", "ReactionRemovedPayload.json"),
        ("pin_added", "PinAddedPayload.json"),
        ("member_joined_channel", "MemberJoinedChannelPayload.json"),
    ],
)
async def test_our_events_have_no_key_that_slack_was_not_seen_to_send(
    sent: dict[str, Json], name: str, file: str
) -> None:
    theirs = load(f"java-json-logs/{file}")["event"]

    # these the samples leave out, although Slack's documentation has them
    assert set(sent[name]) - set(theirs) <= {"ts", "event_ts", "previous_message", "channel_type", "subtype"}


@pytest.mark.parametrize(
    ("name", "file", "part"),
    [
        ("block_actions", "test_block_actions.json", "body"),
        ("view_submission", "test_view_submission.json", "body"),
        ("view_closed", "test_view_closed.json", "body"),
        ("message_action", "test_shortcut.json", "message_shortcut_body"),
        ("shortcut", "test_shortcut.json", "global_shortcut_body"),
    ],
)
async def test_our_interactions_have_every_key_of_the_samples(
    sent: dict[str, Json], name: str, file: str, part: str
) -> None:
    theirs = load(f"bolt-python/{file}")[part]

    assert set(theirs) - set(sent[name]) <= {"response_urls"}  # of view_closed; the documentation has none there
    # these are newer than the samples, or absent from an ephemeral message as theirs is
    assert set(sent[name]) - set(theirs) <= {"enterprise", "is_enterprise_install", "is_cleared", "state", "message"}


async def test_our_commands_have_every_key_of_the_sample(sent: dict[str, Json]) -> None:
    theirs = dict(parse_qsl(load("bolt-python/test_slash_command.json")["slash_command_body"]["_form"]))

    assert set(theirs) - set(sent["command"]) == {"enterprise_id", "enterprise_name"}


async def test_our_edits_and_deletions_have_every_key_of_the_samples(sent: dict[str, Json]) -> None:
    for name in ("message_changed", "message_deleted"):
        theirs = load(f"bolt-python/test_{name}.json")["event_payload"]

        assert set(theirs["event"]) - set(sent[name]) == set()
        assert set(theirs) - set(sent["event_callback"]) == {"enterprise_id"}
