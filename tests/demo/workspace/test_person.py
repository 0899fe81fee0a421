"""What a person may do and sees."""

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.demo.workspace import Workspace
from bot.demo.workspace.store import EPHEMERALS_KEPT
from bot.demo.workspace.values import SlackError


async def test_an_admin_deletes_what_others_wrote(ws: Workspace) -> None:
    ana, root = ws.person("ana"), ws.person("root", admin=True)
    channel = ws.channel("ops", [ana, root])
    said = await ana.say(channel, "oops")

    await root.delete(said)

    assert ana.sees(channel) == []
    with pytest.raises(LookupError, match="does not see this message: 'oops'"):
        await ana.react(said, "eyes")


async def test_a_person_follows_what_appears_and_changes(ws: Workspace) -> None:
    ana, ben = ws.person("ana"), ws.person("ben")
    channel, other = ws.channel("ops", [ana, ben]), ws.channel("away", [ben])
    await ben.say(channel, "before")

    async with ana.follow() as changes:
        await ben.say(other, "elsewhere")
        said = await ben.say(channel, "one")
        seen = [(await anext(changes)).plain()]
        await ben.edit(said, "two")
        seen.append((await anext(changes)).plain())
        await ben.delete(said)
        ws.core.feed.notice(channel, "for ben", to=ben.id)
        ws.core.feed.notice(channel, "for ana", to=ana.id)
        seen.append((await anext(changes)).plain())

    assert seen == ["one", "two", "for ana"]


async def test_a_client_forgets_old_ephemeral_messages(ws: Workspace) -> None:
    ana = ws.person("ana")
    channel = ws.channel("ops", [ana])

    for n in range(EPHEMERALS_KEPT + 1):
        ws.core.feed.notice(channel, f"{n}", to=ana.id)

    seen = ana.sees(channel)
    assert (len(seen), seen[0].plain()) == (EPHEMERALS_KEPT, "1")


async def test_a_reply_is_deleted_where_it_stands(ws: Workspace, client: AsyncWebClient) -> None:
    ana = ws.person("ana")
    channel = ws.channel("ops", [ana])
    parent = await ana.say(channel, "down?")
    posted = await client.chat_postMessage(channel=channel.id, text="yes", thread_ts=parent.ts, reply_broadcast=True)

    await client.chat_delete(channel=channel.id, ts=posted["ts"])

    assert [seen.plain() for seen in ana.sees(channel)] == ["down?"]
    replies = await client.conversations_replies(channel=channel.id, ts=parent.ts)
    assert "reply_count" not in replies["messages"][0]


async def test_a_wait_tells_later_messages_from_earlier_ones(ws: Workspace) -> None:
    ana = ws.person("ana")
    channel = ws.channel("ops", [ana])
    first = await ana.say(channel, "done")
    second = await ana.say(channel, "done")

    assert (await ana.wait_for(channel, "done")).ts == first.ts
    assert (await ana.wait_for(channel, "done", after=first)).ts == second.ts
    with pytest.raises(TimeoutError, match="no message with 'done' for ana within"):
        await ana.wait_for(channel, "done", timeout=0.01, after=second)
    with pytest.raises(TimeoutError, match="no such message for ana"):
        await ana.wait_for(channel, lambda seen: seen.ephemeral, timeout=0.01)


async def test_a_channel_may_be_empty_of_people(ws: Workspace) -> None:
    assert ws.channel("void", bot=False).members == {}


async def test_nobody_joins_twice_or_leaves_where_they_are_not(ws: Workspace) -> None:
    ana, ben = ws.person("ana"), ws.person("ben")
    channel = ws.channel("ops", [ana])

    with pytest.raises(SlackError, match="already_in_channel"):
        await ana.join(channel)
    with pytest.raises(SlackError, match="not_in_channel"):
        await ana.kick(channel, ben)
