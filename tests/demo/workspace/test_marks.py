"""reactions.*, pins.* and bookmarks.*."""

from slack_sdk.web.async_client import AsyncWebClient

from bot.demo.workspace import Workspace
from tests.demo.workspace.test_chat import error_of


async def test_reactions_are_added_once_and_removed_once(ws: Workspace, client: AsyncWebClient) -> None:
    ana = ws.person("ana")
    channel = ws.channel("ops", [ana])
    said = await ana.say(channel, "look")
    at = {"channel": channel.id, "timestamp": said.ts}

    await client.reactions_add(name="eyes", **at)
    (seen,) = ana.sees(channel)
    again = await error_of(client.reactions_add(name=":eyes:", **at))
    await client.reactions_remove(name="eyes", **at)
    gone = await error_of(client.reactions_remove(name="eyes", **at))

    assert seen.reactions == {"eyes": (ws.bot_user_id,)}
    assert (again, gone) == ("already_reacted", "no_reaction")
    assert await error_of(client.reactions_add(channel=channel.id, timestamp="1.0", name="eyes")) == "message_not_found"


async def test_marks_need_membership(ws: Workspace, client: AsyncWebClient) -> None:
    ana = ws.person("ana")
    away = ws.channel("away", [ana], bot=False)
    hidden = ws.channel("hidden", [ana], private=True, bot=False)
    old = ws.channel("old", [ana])
    await ana.archive(old)

    assert await error_of(client.pins_list(channel=away.id)) == "not_in_channel"
    assert await error_of(client.pins_list(channel=hidden.id)) == "channel_not_found"
    assert await error_of(client.pins_add(channel=old.id, timestamp="1.0")) == "is_archived"


async def test_pins_are_listed_with_their_messages(ws: Workspace, client: AsyncWebClient) -> None:
    ana = ws.person("ana")
    channel = ws.channel("ops", [ana])
    said = await ana.say(channel, "the plan")
    at = {"channel": channel.id, "timestamp": said.ts}

    await client.pins_add(**at)
    listed = await client.pins_list(channel=channel.id)
    again = await error_of(client.pins_add(**at))
    await client.pins_remove(**at)
    gone = await error_of(client.pins_remove(**at))

    (item,) = listed["items"]
    assert (item["message"]["text"], item["message"]["pinned_to"]) == ("the plan", [channel.id])
    assert (again, gone) == ("already_pinned", "no_pin")
    assert (await client.pins_list(channel=channel.id))["items"] == []


async def test_bookmarks_are_added_changed_listed_and_removed(ws: Workspace, client: AsyncWebClient) -> None:
    channel = ws.channel("ops")

    added = await client.bookmarks_add(channel_id=channel.id, title="Runbook", type="link", link="https://example.com/")
    mark = added["bookmark"]["id"]
    await client.bookmarks_edit(channel_id=channel.id, bookmark_id=mark, title="The runbook")
    listed = (await client.bookmarks_list(channel_id=channel.id))["bookmarks"]
    await client.bookmarks_remove(channel_id=channel.id, bookmark_id=mark)

    assert [(one["title"], one["link"]) for one in listed] == [("The runbook", "https://example.com/")]
    assert (await client.bookmarks_list(channel_id=channel.id))["bookmarks"] == []
    assert await error_of(client.bookmarks_remove(channel_id=channel.id, bookmark_id=mark)) == "not_found"
    wrong_link = client.bookmarks_add(channel_id=channel.id, title="x", type="link", link="javascript:x")
    assert await error_of(wrong_link) == "invalid_link"
    wrong_type = client.bookmarks_add(channel_id=channel.id, title="x", type="file", link="https://example.com/")
    assert await error_of(wrong_type) == "invalid_bookmark_type"
