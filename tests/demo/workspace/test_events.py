"""What people and the bot do in channels, as the app hears of it."""

import re
from bisect import insort
from typing import Any

import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.demo.workspace import Workspace
from tests.demo.workspace.conftest import Serve
from tests.demo.workspace.shapes import EVENTS, Shapes

Json = dict[str, Any]
ANY_SUBTYPE = re.compile(".+")


@pytest.fixture
def heard(app: AsyncApp) -> list[Json]:
    """The bodies of all events that the app gets, in the order in which they happened."""
    bodies: list[Json] = []

    async def hear(body: Json) -> None:
        insort(bodies, body, key=lambda one: one["event"]["event_ts"])

    for kind in EVENTS:
        app.event({"type": "message", "subtype": kind} if kind.startswith("message_") else kind)(hear)
    app.event({"type": "message", "subtype": [ANY_SUBTYPE]})(hear)
    return bodies


def kinds(heard: list[Json]) -> list[str]:
    """Each event's subtype, or else its type."""
    return [body["event"].get("subtype", body["event"]["type"]) for body in heard]


async def test_a_message_arrives_with_rich_text(ws: Workspace, app: AsyncApp, serve: Serve, heard: list[Json]) -> None:
    await serve(app)
    ana = ws.person("ana")
    channel = ws.channel("ops", [ana])

    said = await ana.say(channel, "see *this* <b>")
    await ws.settled()

    (body,) = heard
    event = body["event"]
    assert (event["user"], event["ts"], event["channel"], event["text"]) == (
        ana.id,
        said.ts,
        channel.id,
        "see *this* &lt;b&gt;",
    )
    assert event["blocks"][0]["elements"][0]["elements"] == [
        {"type": "text", "text": "see "},
        {"type": "text", "text": "this", "style": {"bold": True}},
        {"type": "text", "text": " <b>"},
    ]


async def test_a_mention_comes_besides_the_message(
    ws: Workspace, app: AsyncApp, serve: Serve, heard: list[Json]
) -> None:
    await serve(app)
    ana = ws.person("ana")

    await ana.say(ws.channel("ops", [ana]), "@opsbot status")
    await ws.settled()

    assert sorted(kinds(heard)) == ["app_mention", "message"]
    assert {body["event"]["text"] for body in heard} == {f"<@{ws.bot_user_id}> status"}


async def test_an_edit_brings_the_old_and_the_new_text(
    ws: Workspace, app: AsyncApp, serve: Serve, heard: list[Json]
) -> None:
    await serve(app)
    ana = ws.person("ana")
    said = await ana.say(ws.channel("ops", [ana]), "before")

    edited = await ana.edit(said, "after")
    await ws.settled()

    event = heard[-1]["event"]
    assert (event["subtype"], event["message"]["text"], event["previous_message"]["text"]) == (
        "message_changed",
        "after",
        "before",
    )
    assert event["message"]["edited"]["user"] == ana.id
    assert event["ts"] != said.ts
    assert (edited.plain(), edited.edited) == ("after", True)


async def test_a_deletion_brings_what_was_deleted(
    ws: Workspace, app: AsyncApp, serve: Serve, heard: list[Json]
) -> None:
    await serve(app)
    ana = ws.person("ana")
    channel = ws.channel("ops", [ana])
    said = await ana.say(channel, "oops")

    await ana.delete(said)
    await ws.settled()

    event = heard[-1]["event"]
    assert (event["subtype"], event["deleted_ts"], event["previous_message"]["text"]) == (
        "message_deleted",
        said.ts,
        "oops",
    )
    assert ana.sees(channel) == []


async def test_a_deleted_parent_leaves_a_tombstone(
    ws: Workspace, app: AsyncApp, serve: Serve, heard: list[Json]
) -> None:
    await serve(app)
    ana = ws.person("ana")
    channel = ws.channel("ops", [ana])
    parent = await ana.say(channel, "oops")
    await ana.say(channel, "really?", thread=parent)

    await ana.delete(parent)
    await ws.settled()

    event = heard[-1]["event"]
    assert (event["subtype"], event["message"]["subtype"]) == ("message_changed", "tombstone")
    assert event["previous_message"]["text"] == "oops"
    tombstone, reply = ana.sees(channel)
    assert (tombstone.plain(), tombstone.deleted, reply.plain()) == ("This message was deleted.", True, "really?")


async def test_a_reply_names_its_thread_even_below_a_reply(
    ws: Workspace, app: AsyncApp, serve: Serve, heard: list[Json]
) -> None:
    await serve(app)
    ana = ws.person("ana")
    channel = ws.channel("ops", [ana])
    parent = await ana.say(channel, "down?")

    first = await ana.say(channel, "yes", thread=parent)
    await ana.say(channel, "still", thread=first)
    await ws.settled()

    assert [body["event"].get("thread_ts") for body in heard] == [None, parent.ts, parent.ts]
    assert heard[-1]["event"]["parent_user_id"] == ana.id


async def test_a_link_preview_is_an_edit_that_nobody_made(
    ws: Workspace, app: AsyncApp, serve: Serve, heard: list[Json]
) -> None:
    await serve(app)
    ana = ws.person("ana")
    channel = ws.channel("ops", [ana])
    said = await ana.say(channel, "see https://example.com/x")

    ws.unfurl(said, "An example")
    await ws.settled()

    event = heard[-1]["event"]
    assert event["subtype"] == "message_changed"
    assert event["message"]["text"] == event["previous_message"]["text"] == "see <https://example.com/x>"
    assert "edited" not in event["message"]
    assert ana.sees(channel)[0].plain() == "see https://example.com/x\nAn example"


async def test_reactions_and_pins_are_heard_when_set_and_taken_back(
    ws: Workspace, app: AsyncApp, serve: Serve, heard: list[Json]
) -> None:
    await serve(app)
    ana, ben = ws.person("ana"), ws.person("ben")
    channel = ws.channel("ops", [ana, ben])
    said = await ana.say(channel, "look")

    await ben.react(said, ":pushpin:")
    await ben.pin(said)
    (marked,) = ana.sees(channel)
    await ben.unreact(said, "pushpin")
    await ben.unpin(said)
    (bare,) = ana.sees(channel)
    await ws.settled()

    assert sorted(kinds(heard)[1:]) == ["pin_added", "pin_removed", "reaction_added", "reaction_removed"]
    assert (marked.reactions, marked.pinned) == ({"pushpin": (ben.id,)}, True)
    assert (bare.reactions, bare.pinned) == ({}, False)


async def test_the_bots_own_posts_edits_and_deletions_are_heard(
    ws: Workspace, app: AsyncApp, serve: Serve, heard: list[Json], client: AsyncWebClient
) -> None:
    await serve(app)
    channel = ws.channel("ops")

    posted = await client.chat_postMessage(channel=channel.id, text="one")
    await client.chat_update(channel=channel.id, ts=posted["ts"], text="two")
    await client.chat_delete(channel=channel.id, ts=posted["ts"])
    await ws.settled()

    assert kinds(heard) == ["message", "message_changed", "message_deleted"]
    event = heard[0]["event"]
    assert (event["user"], event["bot_id"], event["app_id"]) == (ws.bot_user_id, posted["message"]["bot_id"], ws.app_id)


async def test_another_apps_bot_posts_as_bot_message(
    ws: Workspace, app: AsyncApp, serve: Serve, heard: list[Json]
) -> None:
    await serve(app)
    ci = ws.person("ci", bot=True)

    await ci.say(ws.channel("ops", [ci]), "build failed")
    await ws.settled()

    event = heard[0]["event"]
    assert (event["subtype"], event["bot_id"]) == ("bot_message", ci.user.bot_id)


async def test_the_app_hears_nothing_of_channels_without_the_bot(
    ws: Workspace, app: AsyncApp, serve: Serve, heard: list[Json]
) -> None:
    await serve(app)
    ana = ws.person("ana")
    away = ws.channel("away", [ana], bot=False)

    await ana.edit(await ana.say(away, "hello"), "bye")
    await ana.say(ana.dm(), "hi")
    await ws.settled()

    assert [body["event"]["channel_type"] for body in heard] == ["im"]


async def test_events_need_their_scope_and_their_subscription(
    ws: Workspace, app: AsyncApp, serve: Serve, heard: list[Json]
) -> None:
    await serve(app)
    ana = ws.person("ana")
    public, private = ws.channel("ops", [ana]), ws.channel("secret", [ana], private=True)

    ws.scopes.remove("groups:history")
    await ana.say(private, "unheard: no scope")
    ws.subscriptions = {"app_mention"}
    await ana.say(public, "@opsbot heard once")
    await ws.settled()

    assert kinds(heard) == ["app_mention"]


async def test_membership_is_heard(ws: Workspace, app: AsyncApp, serve: Serve, heard: list[Json]) -> None:
    await serve(app)
    ana, ben = ws.person("ana"), ws.person("ben")
    channel = ws.channel("ops", [ana])

    await ana.invite(channel, ben)
    await ben.leave(channel)
    await ana.kick(channel, ws.bot)
    await ana.say(channel, "gone")
    await ws.settled()

    joined, left, last = (body["event"] for body in heard if body["event"]["type"].startswith("member_"))
    assert (joined["type"], joined["user"], joined["inviter"]) == ("member_joined_channel", ben.id, ana.id)
    assert (left["type"], left["user"]) == ("member_left_channel", ben.id)
    assert (last["type"], last["user"]) == ("member_left_channel", ws.bot_user_id)
    assert "gone" not in [body["event"].get("text") for body in heard]


async def test_who_speaks_in_a_public_channel_joins_it(ws: Workspace) -> None:
    ana, ben = ws.person("ana"), ws.person("ben")
    channel = ws.channel("ops", [ana])

    await ben.say(channel, "hello")

    assert ben.id in channel.members
    assert [seen.plain() for seen in ana.sees(channel)] == ["@ben has joined the channel", "hello"]


async def test_who_is_not_in_a_private_channel_sees_and_says_nothing(ws: Workspace) -> None:
    ana, ben = ws.person("ana"), ws.person("ben")
    channel = ws.channel("secret", [ana], private=True)
    said = await ana.say(channel, "hush")

    assert ben.sees(channel) == []
    with pytest.raises(PermissionError, match="ben is not in #secret"):
        await ben.say(channel, "let me in")
    with pytest.raises(PermissionError, match="#secret is private"):
        await ben.join(channel)
    with pytest.raises(LookupError, match="ben does not see this message: 'hush'"):
        await ben.react(said, "eyes")


async def test_people_edit_and_delete_only_what_they_wrote(ws: Workspace) -> None:
    ana, ben = ws.person("ana"), ws.person("ben")
    said = await ana.say(ws.channel("ops", [ana, ben]), "mine")

    with pytest.raises(PermissionError, match="ben did not write this message"):
        await ben.edit(said, "ours")
    with pytest.raises(PermissionError, match="ben did not write this message"):
        await ben.delete(said)


async def test_names_topics_and_the_end_of_a_channel_are_heard(
    ws: Workspace, app: AsyncApp, serve: Serve, heard: list[Json], shapes: Shapes
) -> None:
    await serve(app)
    ana = ws.person("ana")
    channel, private = ws.channel("ops", [ana]), ws.channel("secret", [ana], private=True)

    await ana.set_topic(channel, "quiet")
    await ana.rename(channel, "operations")
    await ana.rename(private, "hidden")
    await ana.archive(private)
    await ana.archive(channel)
    await ana.unarchive(channel)

    topic, renamed, archived = ana.sees(channel)
    assert topic.plain() == "@ana set the channel topic: quiet"
    assert renamed.plain() == '@ana has renamed the channel from "ops" to "operations"'
    assert archived.plain() == "@ana archived the channel"
    with pytest.raises(PermissionError, match="#hidden is archived"):
        await ana.say(private, "hello?")
    await ws.settled()
    seen = {"channel_rename", "group_rename", "channel_archive", "group_archive", "channel_unarchive"}
    assert seen <= set(shapes.seen)


async def test_a_shared_file_arrives_with_its_message(
    ws: Workspace, app: AsyncApp, serve: Serve, heard: list[Json]
) -> None:
    await serve(app)
    ana = ws.person("ana")
    channel = ws.channel("ops", [ana])

    said = await ana.say(channel, "the log", files=[("gateway.log", b"boom")])
    await ws.settled()

    event = heard[0]["event"]
    assert (event["subtype"], event["files"][0]["name"], event["files"][0]["size"]) == ("file_share", "gateway.log", 4)
    assert said.plain() == "the log\n[file: gateway.log]"


async def test_a_stranger_speaks_from_another_team(
    ws: Workspace, app: AsyncApp, serve: Serve, heard: list[Json]
) -> None:
    await serve(app)
    eve = ws.person("eve", team_id="T999")

    await eve.say(ws.channel("shared", [eve]), "hello")
    await ws.settled()

    (body,) = heard
    assert (body["event"]["team"], body["team_id"], body["is_ext_shared_channel"]) == ("T999", ws.team_id, True)
