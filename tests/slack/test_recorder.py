from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.core.incidents import OWN, Change, Incident, Message
from bot.core.marks import Mark, MarkKind
from bot.core.results import Text
from bot.demo.workspace import Person, Workspace
from bot.demo.workspace.records import Channel
from bot.slack.captured import message_of, read
from bot.slack.inbound import MessageEvent, PinEvent, Posted, ReactionEvent
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
    [(name, link)] = message.files
    assert name == "graph.png"
    assert link.endswith("/graph.png")


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


async def test_an_own_post_is_stored_though_slack_sends_no_event_of_it(
    workspace: Workspace, slack_bot: SlackBot, inc: Channel
) -> None:
    await workspace.settled()
    workspace.subscriptions = {"app_mention"}

    posted = await slack_bot.link.chat.post(inc.id, Text(("Working on it.",)))

    own = [message for message in await recorded(workspace, slack_bot.store, inc) if message.ts == posted.ts]
    assert [(message.subtype, message.user) for message in own] == [(OWN, workspace.bot_user_id)]


async def test_a_post_succeeds_though_it_cannot_be_stored_and_its_event_brings_it_later(
    workspace: Workspace, slack_bot: SlackBot, inc: Channel, refuse: Refuse
) -> None:
    await workspace.settled()
    await refuse("messages", times=1)

    posted = await slack_bot.link.chat.post(inc.id, Text(("Working on it.",)))

    assert [m.ts for m in await recorded(workspace, slack_bot.store, inc) if m.subtype == OWN] == [posted.ts]


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


async def marks(workspace: Workspace, store: Postgres, channel: Channel) -> tuple[tuple[Mark, ...], tuple[Mark, ...]]:
    """All marks that were put on messages and taken away, and those that stand."""
    await workspace.settled()
    async with store.transaction() as tx:
        return await tx.marks.of_channel(channel.id), await tx.marks.standing(channel.id)


async def test_reactions_are_stored_with_who_reacted_and_so_is_their_removal(
    workspace: Workspace, slack_bot: SlackBot, ana: Person, inc: Channel
) -> None:
    ben = workspace.person("ben")
    await ben.join(inc)
    said = await ana.say(inc, "I roll back")
    workspace.faults.redeliver(1, "reaction_added")
    await ben.react(said, "eyes")
    await ana.react(said, "eyes")
    await ben.unreact(said, "eyes")
    await ben.react(said, "+1")

    told, standing = await marks(workspace, slack_bot.store, inc)

    assert [(mark.user, mark.name, mark.added) for mark in told] == [
        (ben.id, "eyes", True),
        (ana.id, "eyes", True),
        (ben.id, "eyes", False),
        (ben.id, "+1", True),
    ]
    assert [(mark.ts, mark.user, mark.name) for mark in standing] == [
        (said.ts, ana.id, "eyes"),
        (said.ts, ben.id, "+1"),
    ]


async def test_a_removal_that_arrives_before_its_reaction_still_removes_it(
    workspace: Workspace, slack_bot: SlackBot, ana: Person, inc: Channel
) -> None:
    said = await ana.say(inc, "perhaps the cache")
    workspace.faults.withhold("reaction_added")
    await ana.react(said, "pushpin")
    await ana.unreact(said, "pushpin")
    await workspace.settled()
    workspace.release("reaction_added")

    told, standing = await marks(workspace, slack_bot.store, inc)

    assert [mark.added for mark in told] == [True, False]
    assert standing == ()


async def test_a_pin_is_the_channels_whoever_takes_it_off(
    workspace: Workspace, slack_bot: SlackBot, ana: Person, inc: Channel
) -> None:
    ben = workspace.person("ben")
    await ben.join(inc)
    kept, dropped = await ana.say(inc, "the provider confirms"), await ana.say(inc, "it is DNS")
    await ana.pin(kept)
    await ana.pin(dropped)
    await ben.unpin(dropped)

    told, standing = await marks(workspace, slack_bot.store, inc)

    assert [(mark.ts, mark.user, mark.added) for mark in told] == [
        (kept.ts, ana.id, True),
        (dropped.ts, ana.id, True),
        (dropped.ts, ben.id, False),
    ]
    assert [(mark.ts, mark.kind) for mark in standing] == [(kept.ts, MarkKind.PIN)]


async def test_reactions_elsewhere_are_nobodys_business(
    workspace: Workspace, slack_bot: SlackBot, ana: Person, inc: Channel
) -> None:
    lunch = workspace.channel("lunch", [ana])
    await ana.react(await ana.say(lunch, "pizza?"), "yum")

    assert await marks(workspace, slack_bot.store, lunch) == ((), ())


async def test_an_alert_without_text_is_stored_with_the_words_of_its_attachments_and_so_are_its_edits(
    workspace: Workspace, slack_bot: SlackBot, inc: Channel
) -> None:
    robot = workspace.person("alerts", bot=True)
    fields = [{"title": "Host", "value": "web-1"}, {"title": "Rate", "value": "61 %"}]
    firing = {"title": "[FIRING] Errors &gt; 1 %", "text": "since 10:19", "fields": fields, "fallback": "firing"}
    await robot.join(inc)
    alert = workspace.core.feed.post(inc, robot.user, "", subtype="bot_message", attachments=[firing])
    resolved = {"title": "[RESOLVED] Errors &gt; 1 %"}
    workspace.core.feed.revise(alert, by=robot.id, text="", content={"attachments": [resolved]})

    message = (await recorded(workspace, slack_bot.store, inc))[-1]
    async with slack_bot.store.transaction() as tx:
        (edit,) = await tx.messages.revisions(inc.id, alert.ts)

    assert edit.old_text == "[FIRING] Errors > 1 %\nsince 10:19\nHost: web-1\nRate: 61 %"
    assert message.text == "[RESOLVED] Errors > 1 %"


async def test_a_reply_that_is_also_sent_to_the_channel_is_one_message_of_its_thread(
    workspace: Workspace, slack_bot: SlackBot, ana: Person, inc: Channel
) -> None:
    parent = await ana.say(inc, "why?")
    workspace.core.feed.post(
        inc, ana.user, "it is the cache", thread_ts=parent.ts, subtype="thread_broadcast", broadcast=True
    )

    *_, reply = await recorded(workspace, slack_bot.store, inc)

    assert (reply.text, reply.thread_ts, reply.subtype) == ("it is the cache", parent.ts, "thread_broadcast")


SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "*Disk* is full"}, "fields": [{"text": "web-1"}]}
RICH = {
    "type": "rich_text",
    "elements": [
        {
            "type": "rich_text_section",
            "elements": [
                {"type": "text", "text": "Deployed by "},
                {"type": "user", "user_id": "U1"},
                {"type": "emoji", "name": "tada"},
                {"type": "link", "url": "https://ci.example.com"},
                {"type": "broadcast", "range": "here"},
            ],
        }
    ],
}


@pytest.mark.parametrize(
    ("posted", "text"),
    [
        pytest.param({"text": "said", "blocks": [SECTION]}, "said", id="text wins"),
        pytest.param({"text": "", "blocks": [SECTION]}, "*Disk* is full\nweb-1", id="section with fields"),
        pytest.param({"blocks": [RICH]}, "Deployed by <@U1>:tada:https://ci.example.com", id="rich text"),
        pytest.param({"attachments": [{"fallback": "down"}]}, "down", id="fallback"),
        pytest.param({"attachments": [{"blocks": [SECTION], "fallback": "x"}]}, "*Disk* is full\nweb-1", id="nested"),
        pytest.param({"blocks": [{"type": "divider"}, {"type": "image", "title": "?", "fields": "x"}]}, "", id="none"),
        pytest.param({"text": " ", "files": [{"permalink": "x"}]}, "", id="a file alone"),
    ],
)
def test_the_words_of_a_message_are_found_wherever_they_stand(posted: dict[str, object], text: str) -> None:
    assert message_of("C1", Posted.model_validate({"ts": "1.0", **posted})).text == text


def test_a_message_is_kept_alike_from_an_event_and_from_the_history() -> None:
    event = {"ts": "1.0", "text": "t", "subtype": "file_share", "files": [{"name": "a.png", "permalink": "x"}]}
    history = {"ts": "1.0", "text": "t", "files": [{"name": "a.png", "permalink": "x"}], "thread_ts": "1.0"}

    assert message_of("C1", Posted.model_validate(event)) == message_of("C1", Posted.model_validate(history))


def test_an_app_that_has_no_name_of_its_own_in_the_message_has_that_of_its_profile() -> None:
    posted = Posted.model_validate({"ts": "1.0", "bot_id": "B1", "bot_profile": {"name": "Deploys"}})

    assert message_of("C1", posted).author == "Deploys"


def test_reactions_to_and_pins_of_files_are_left_out() -> None:
    item = {"type": "file", "file": "F1"}
    reaction = {"type": "reaction_added", "user": "U1", "reaction": "x", "item": item, "event_ts": "1.0"}
    pin = {"type": "pin_added", "user": "U1", "channel_id": "C1", "item": item, "event_ts": "1.0"}

    assert read(ReactionEvent.model_validate(reaction)) is None
    assert read(PinEvent.model_validate(pin)) is None


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
