from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.core.incidents import Change, Incident, Message
from bot.core.results import Text
from bot.demo.workspace import Person, Workspace
from bot.demo.workspace.records import Channel
from bot.slack.inbound import MessageEvent
from bot.slack.recorder import read
from bot.store.postgres import Postgres
from tests.fixtures_slack import Refuse, SlackBot


@pytest.fixture
def ana(workspace: Workspace) -> Person:
    return workspace.person("ana")


@pytest.fixture
async def inc(workspace: Workspace, store: Postgres, ana: Person) -> Channel:
    """The channel of an incident."""
    channel = workspace.channel("inc-1", [ana])
    await declare(store, channel, ana)
    return channel


async def declare(store: Postgres, channel: Channel, by: Person) -> None:
    async with store.transaction() as tx:
        await tx.incidents.declare(
            Incident(0, "Payments fail", "High", "open", channel.id, by.id, by.id, datetime.now(UTC))
        )


async def recorded(workspace: Workspace, store: Postgres, channel: Channel) -> tuple[Message, ...]:
    """What the store has of a channel once Slack has no more to tell."""
    await workspace.settled()
    async with store.transaction() as tx:
        return await tx.messages.of_channel(channel.id)


async def test_a_message_is_stored_as_it_was_typed(
    workspace: Workspace, bot: SlackBot, ana: Person, inc: Channel
) -> None:
    said = await ana.say(inc, "a < b & c", files=[("graph.png", b"png")])

    (message,) = await recorded(workspace, bot.store, inc)

    assert (message.ts, message.user, message.text) == (said.ts, ana.id, "a < b & c")
    assert message.at == datetime.fromtimestamp(float(said.ts), UTC)
    assert [name for name, _ in message.files] == ["graph.png"]


async def test_edits_and_deletions_are_stored_with_what_stood_there(
    workspace: Workspace, bot: SlackBot, ana: Person, inc: Channel
) -> None:
    kept = await ana.say(inc, "one")
    gone = await ana.say(inc, "two")
    await ana.edit(kept, "one & only")
    await ana.delete(gone)

    one, two = await recorded(workspace, bot.store, inc)
    async with bot.store.transaction() as tx:
        (edit,) = await tx.messages.revisions(inc.id, kept.ts)
        (deletion,) = await tx.messages.revisions(inc.id, gone.ts)

    assert one.text == "one & only"
    assert one.edited_at is not None
    assert (edit.old_text, edit.text) == ("one", "one & only")
    assert two.deleted_at is not None
    assert (deletion.old_text, deletion.text) == ("two", None)


async def test_a_deleted_parent_is_a_deletion_though_its_thread_stands(
    workspace: Workspace, slack_bot: SlackBot, ana: Person, inc: Channel
) -> None:
    parent = await ana.say(inc, "parent")
    await ana.say(inc, "reply", thread=parent)
    await ana.delete(parent)

    first, reply = await recorded(workspace, slack_bot.store, inc)

    assert first.deleted_at is not None
    assert (reply.text, reply.thread_ts) == ("reply", parent.ts)


async def test_a_link_preview_is_no_edit(workspace: Workspace, slack_bot: SlackBot, ana: Person, inc: Channel) -> None:
    said = await ana.say(inc, "see https://example.com/")
    workspace.unfurl(said, "Example")

    (message,) = await recorded(workspace, slack_bot.store, inc)

    assert message.edited_at is None


async def test_copies_are_stored_once(workspace: Workspace, bot: SlackBot, ana: Person, inc: Channel) -> None:
    workspace.faults.redeliver(2, "message")
    said = await ana.say(inc, "once")
    await ana.edit(said, "once more")

    messages = await recorded(workspace, bot.store, inc)
    async with bot.store.transaction() as tx:
        revisions = await tx.messages.revisions(inc.id, said.ts)

    assert len(messages) == len(revisions) == 1


async def test_the_bots_own_posts_and_other_bots_are_stored_too(
    workspace: Workspace, slack_bot: SlackBot, ana: Person, inc: Channel
) -> None:
    robot = workspace.person("robot", bot=True)
    await workspace.settled()
    await slack_bot.link.chat.post(inc.id, Text(("Working on it.",)))
    await robot.say(inc, "deploy done")

    texts = {message.text: message.user for message in await recorded(workspace, slack_bot.store, inc)}

    assert texts["Working on it."] == workspace.bot_user_id
    assert texts["deploy done"] == robot.id


async def test_other_channels_are_not_stored_until_they_are_an_incidents(
    workspace: Workspace, slack_bot: SlackBot, ana: Person
) -> None:
    lunch = workspace.channel("lunch", [ana])
    await ana.say(lunch, "pizza?")
    before = await recorded(workspace, slack_bot.store, lunch)

    await declare(slack_bot.store, lunch, ana)
    await ana.say(lunch, "fire!")

    assert before == ()
    assert [message.text for message in await recorded(workspace, slack_bot.store, lunch)] == ["fire!"]


async def test_an_event_that_cannot_be_stored_is_not_acked_and_comes_again(
    workspace: Workspace, slack_bot: SlackBot, ana: Person, inc: Channel, refuse: Refuse
) -> None:
    await refuse("messages", times=1)
    await ana.say(inc, "not lost")

    assert [message.text for message in await recorded(workspace, slack_bot.store, inc)] == ["not lost"]
    failed = slack_bot.metrics.get_sample_value("opsbot_events_total", {"outcome": "failed"})
    assert failed is not None
    assert failed >= 1


@pytest.mark.parametrize("subtype", ["message_replied", "ephemeral_message"])
def test_what_is_no_news_is_left_out(subtype: str) -> None:
    event = {"ts": "1.0", "event_ts": "1.0", "channel": "C1", "subtype": subtype, "text": None}

    assert read(MessageEvent.model_validate(event)) is None


def test_a_change_whose_former_text_is_unknown_is_kept() -> None:
    event = {
        "ts": "2.0",
        "event_ts": "2.0",
        "channel": "C1",
        "subtype": "message_changed",
        "message": {"ts": "1.0", "text": "new"},
    }

    found = read(MessageEvent.model_validate(event))

    assert isinstance(found, Change)
    assert (found.ts, found.text, found.old_text) == ("1.0", "new", "")
