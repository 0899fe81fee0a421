"""chat.*: what the bot may say where, and what Slack refuses."""

from collections.abc import Awaitable
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.demo.workspace import Workspace

Json = dict[str, Any]
SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "*hello*"}}


async def error_of(call: Awaitable[object]) -> str:
    """The error with which Slack refuses a call."""
    with pytest.raises(SlackApiError) as caught:
        await call
    return str(caught.value.response["error"])


async def test_a_post_is_seen_with_its_blocks_and_answered_with_its_ts(ws: Workspace, client: AsyncWebClient) -> None:
    ana = ws.person("ana")
    channel = ws.channel("ops", [ana])

    answer = await client.chat_postMessage(channel=channel.id, text="fallback", blocks=[SECTION])

    (seen,) = ana.sees(channel)
    assert (seen.ts, seen.text, seen.plain()) == (answer["ts"], "fallback", "hello")
    assert answer["message"]["bot_profile"]["app_id"] == ws.app_id


@pytest.mark.parametrize("name", ["#ops", "ops"])
async def test_a_channel_may_be_named(ws: Workspace, client: AsyncWebClient, name: str) -> None:
    channel = ws.channel("ops")

    assert (await client.chat_postMessage(channel=name, text="x"))["channel"] == channel.id


async def test_a_post_to_a_person_opens_their_direct_conversation(ws: Workspace, client: AsyncWebClient) -> None:
    ana = ws.person("ana")

    answer = await client.chat_postMessage(channel=ana.id, text="psst")

    assert answer["channel"] == ana.dm().id
    assert [seen.plain() for seen in ana.sees(ana.dm())] == ["psst"]


async def test_where_the_bot_may_not_speak(ws: Workspace, client: AsyncWebClient) -> None:
    ana = ws.person("ana")
    ws.channel("public", [ana], bot=False)
    ws.channel("private", [ana], private=True, bot=False)
    await ana.archive(ws.channel("old", [ana]))

    errors = [
        await error_of(client.chat_postMessage(channel=name, text="x")) for name in ("public", "private", "old", "none")
    ]
    ws.scopes.add("chat:write.public")
    await client.chat_postMessage(channel="public", text="x")

    assert errors == ["not_in_channel", "channel_not_found", "is_archived", "channel_not_found"]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        pytest.param({"text": ""}, "no_text", id="nothing"),
        pytest.param({"blocks": [SECTION] * 51}, "invalid_blocks", id="51 blocks"),
        pytest.param({"blocks": [{"type": "hologram"}]}, "invalid_blocks", id="unknown block"),
        pytest.param({"blocks": "[{"}, "invalid_blocks_format", id="broken JSON"),
        pytest.param({"blocks": '{"type": "divider"}'}, "invalid_blocks_format", id="no list"),
        pytest.param({"text": "x", "thread_ts": "1.2"}, "thread_not_found", id="no such thread"),
        pytest.param({"text": "x", "markdown_text": "y"}, "markdown_text_conflict", id="two texts"),
        pytest.param({"text": "x", "metadata": "{"}, "invalid_metadata_format", id="broken metadata"),
        pytest.param({"text": "x", "metadata": '{"a": 1}'}, "invalid_metadata_format", id="metadata without a type"),
        pytest.param({"text": "x", "metadata": '{"event_type": "a"}'}, "invalid_metadata_format", id="no payload"),
        pytest.param(
            {"text": "x", "metadata": {"event_type": "a", "event_payload": {"x": "y" * 9000}}},
            "metadata_too_large",
            id="large metadata",
        ),
    ],
)
async def test_what_slack_does_not_post(ws: Workspace, client: AsyncWebClient, content: Json, error: str) -> None:
    channel = ws.channel("ops")

    assert await error_of(client.api_call("chat.postMessage", json={"channel": channel.id, **content})) == error


async def test_text_is_cut_at_forty_thousand_characters(ws: Workspace, client: AsyncWebClient) -> None:
    ws.channel("ops")

    answer = await client.chat_postMessage(channel="ops", text="x" * 40_001)

    assert len(answer["message"]["text"]) == 40_000


async def test_markdown_is_shown_as_it_is(ws: Workspace, client: AsyncWebClient) -> None:
    ana = ws.person("ana")
    channel = ws.channel("ops", [ana])

    await client.chat_postMessage(channel="ops", markdown_text="## Title\n**bold**")

    assert ana.sees(channel)[0].plain() == "## Title\n**bold**"


async def test_a_broadcast_reply_stands_in_the_channel_too(ws: Workspace, client: AsyncWebClient) -> None:
    channel = ws.channel("ops")
    parent = await client.chat_postMessage(channel=channel.id, text="parent")

    await client.chat_postMessage(channel=channel.id, text="quiet", thread_ts=parent["ts"])
    await client.chat_postMessage(channel=channel.id, text="loud", thread_ts=parent["ts"], reply_broadcast=True)

    history = await client.conversations_history(channel=channel.id)
    assert [message["text"] for message in history["messages"]] == ["loud", "parent"]
    assert history["messages"][0]["subtype"] == "thread_broadcast"
    assert history["messages"][1]["reply_count"] == 2


async def test_an_ephemeral_message_is_for_one_member(ws: Workspace, client: AsyncWebClient) -> None:
    ana, ben = ws.person("ana"), ws.person("ben")
    channel = ws.channel("ops", [ana])

    answer = await client.chat_postEphemeral(channel=channel.id, user=ana.id, text="psst", blocks=[SECTION])

    (seen,) = ana.sees(channel)
    assert (seen.ephemeral, seen.ts) == (True, answer["message_ts"])
    assert ben.sees(channel) == []
    assert (await client.conversations_history(channel=channel.id))["messages"] == []
    assert await error_of(client.chat_update(channel=channel.id, ts=seen.ts, text="x")) == "message_not_found"
    assert await error_of(client.chat_postEphemeral(channel=channel.id, user=ben.id, text="x")) == "user_not_in_channel"
    assert await error_of(client.chat_postEphemeral(channel=channel.id, user="U0", text="x")) == "user_not_found"


async def test_an_update_keeps_what_it_does_not_name(ws: Workspace, client: AsyncWebClient) -> None:
    channel = ws.channel("ops")
    metadata = {"event_type": "card", "event_payload": {"row": "7"}}
    posted = await client.chat_postMessage(channel=channel.id, text="one", blocks=[SECTION], metadata=metadata)

    kept = await client.chat_update(channel=channel.id, ts=posted["ts"], text="two")
    emptied = await client.chat_update(channel=channel.id, ts=posted["ts"], text="three", blocks=[], metadata={})

    assert kept["message"]["blocks"] == posted["message"]["blocks"]
    assert kept["message"]["blocks"][0]["text"] == SECTION["text"]
    assert kept["message"]["blocks"][0]["block_id"]
    assert kept["message"]["metadata"] == metadata
    assert (emptied["text"], "blocks" in emptied["message"], "metadata" in emptied["message"]) == (
        "three",
        False,
        False,
    )
    assert emptied["message"]["edited"]["user"] == ws.bot_user_id


async def test_the_bot_changes_only_its_own_messages(ws: Workspace, client: AsyncWebClient) -> None:
    ana = ws.person("ana")
    channel = ws.channel("ops", [ana])
    said = await ana.say(channel, "mine")
    own = await client.chat_postMessage(channel=channel.id, text="own")

    assert await error_of(client.chat_update(channel=channel.id, ts=said.ts, text="x")) == "cant_update_message"
    assert await error_of(client.chat_delete(channel=channel.id, ts=said.ts)) == "cant_delete_message"
    assert await error_of(client.chat_delete(channel=channel.id, ts="1.000000")) == "message_not_found"
    assert await error_of(client.chat_delete(channel="C0", ts=said.ts)) == "channel_not_found"
    await ana.archive(channel)
    assert await error_of(client.chat_update(channel=channel.id, ts=own["ts"], text="x")) == "is_archived"


async def test_a_permalink_names_the_message_and_its_thread(ws: Workspace, client: AsyncWebClient) -> None:
    ana = ws.person("ana")
    channel = ws.channel("ops", [ana])
    parent = await ana.say(channel, "down?")
    reply = await ana.say(channel, "yes", thread=parent)
    secret = ws.channel("secret", [ana], private=True, bot=False)

    links = [
        (await client.chat_getPermalink(channel=channel.id, message_ts=ts))["permalink"] for ts in (parent.ts, reply.ts)
    ]

    digits = [ts.replace(".", "") for ts in (parent.ts, reply.ts)]
    assert links[0] == f"{ws.url}/archives/{channel.id}/p{digits[0]}"
    assert links[1] == f"{ws.url}/archives/{channel.id}/p{digits[1]}?thread_ts={parent.ts}&cid={channel.id}"
    assert await error_of(client.chat_getPermalink(channel=channel.id, message_ts="1.0")) == "message_not_found"
    assert await error_of(client.chat_getPermalink(channel=secret.id, message_ts="1.0")) == "channel_not_found"


async def test_attachments_are_seen(ws: Workspace, client: AsyncWebClient) -> None:
    ana = ws.person("ana")
    channel = ws.channel("ops", [ana])

    attachments: list[Json] = [{"fallback": "f", "text": "old style"}, {"fallback": "f", "blocks": [SECTION]}]
    await client.chat_postMessage(channel="ops", attachments=attachments)

    assert ana.sees(channel)[0].plain() == "old style\nhello"
