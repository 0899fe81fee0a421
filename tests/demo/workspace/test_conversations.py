"""conversations.*: reading, paging, making and changing channels."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slack_sdk.web.async_client import AsyncWebClient

from bot.demo.workspace import Workspace
from bot.demo.workspace.args import Args
from bot.demo.workspace.methods.paging import between, newest_first, oldest_first, page
from tests.demo.workspace.test_chat import error_of

Json = dict[str, Any]


async def test_lists_show_what_the_bot_may_know(ws: Workspace, client: AsyncWebClient) -> None:
    ana = ws.person("ana")
    ws.channel("ops", [ana])
    ws.channel("away", [ana], bot=False)
    ws.channel("secret", [ana], private=True)
    ws.channel("hidden", [ana], private=True, bot=False)
    await ana.archive(ws.channel("old", [ana]))

    async def names(**args: Any) -> list[str]:  # noqa: ANN401 - the client's own
        return [one["name"] for one in (await client.conversations_list(**args))["channels"]]

    assert await names() == ["ops", "away", "old"]
    assert await names(exclude_archived=True, types="public_channel,private_channel") == ["ops", "away", "secret"]
    assert await error_of(client.conversations_list(types="secret_channel")) == "invalid_types"


async def test_lists_come_in_pages(ws: Workspace, client: AsyncWebClient) -> None:
    for n in range(5):
        ws.channel(f"c{n}")

    names: list[str] = []
    async for answer in await client.conversations_list(limit=2):
        names += [one["name"] for one in answer["channels"]]

    assert names == ["c0", "c1", "c2", "c3", "c4"]
    assert await error_of(client.conversations_list(cursor="nonsense")) == "invalid_cursor"
    assert await error_of(client.api_call("conversations.list", params={"limit": "many"})) == "invalid_limit"


async def test_a_channel_is_described(ws: Workspace, client: AsyncWebClient) -> None:
    ana = ws.person("ana")
    channel = ws.channel("ops", [ana])
    await ana.set_topic(channel, "quiet")

    answer = await client.conversations_info(channel=channel.id, include_num_members=True)

    body = answer["channel"]
    assert (body["name"], body["is_member"], body["num_members"]) == ("ops", True, 2)
    assert (body["topic"]["value"], body["topic"]["creator"]) == ("quiet", ana.id)
    assert (await client.conversations_members(channel=channel.id))["members"] == [ana.id, ws.bot_user_id]
    assert (await client.conversations_info(channel=ana.dm().id))["channel"]["user"] == ana.id


async def test_private_channels_do_not_exist_for_outsiders(ws: Workspace, client: AsyncWebClient) -> None:
    hidden = ws.channel("hidden", [ws.person("ana")], private=True, bot=False)

    assert await error_of(client.conversations_info(channel=hidden.id)) == "channel_not_found"
    assert await error_of(client.conversations_info(channel="C0")) == "channel_not_found"


async def test_each_kind_of_channel_has_its_scope(ws: Workspace, client: AsyncWebClient) -> None:
    ana = ws.person("ana")
    public, private = ws.channel("ops", [ana]), ws.channel("secret", [ana], private=True)
    ws.scopes -= {"groups:read", "groups:write", "channels:history"}

    await client.conversations_info(channel=public.id)

    assert await error_of(client.conversations_info(channel=private.id)) == "missing_scope"
    assert await error_of(client.conversations_history(channel=public.id)) == "missing_scope"
    assert await error_of(client.conversations_create(name="x", is_private=True)) == "missing_scope"
    assert await error_of(client.conversations_list(types="private_channel")) == "missing_scope"


async def test_history_is_newest_first_without_replies(ws: Workspace, client: AsyncWebClient) -> None:
    ana = ws.person("ana")
    channel = ws.channel("ops", [ana])
    said = [await ana.say(channel, f"{n}") for n in range(5)]
    await ana.say(channel, "below", thread=said[0])

    async def texts(**args: Any) -> list[str]:  # noqa: ANN401 - the client's own
        answer = await client.conversations_history(channel=channel.id, **args)
        return [message["text"] for message in answer["messages"]]

    assert await texts() == ["4", "3", "2", "1", "0"]
    assert await texts(oldest=said[1].ts, latest=said[3].ts) == ["2"]
    assert await texts(oldest=said[1].ts, latest=said[3].ts, inclusive=True) == ["3", "2", "1"]
    pages = [
        [message["text"] for message in answer["messages"]]
        async for answer in await client.conversations_history(channel=channel.id, limit=2)
    ]
    assert pages == [["4", "3"], ["2", "1"], ["0"]]


async def test_a_span_of_history_needs_timestamps(ws: Workspace, client: AsyncWebClient) -> None:
    channel = ws.channel("ops")

    assert await error_of(client.conversations_history(channel=channel.id, oldest="yesterday")) == "invalid_arguments"


async def test_history_needs_membership(ws: Workspace, client: AsyncWebClient) -> None:
    away = ws.channel("away", [ws.person("ana")], bot=False)

    assert await error_of(client.conversations_history(channel=away.id)) == "not_in_channel"


async def test_replies_are_oldest_first_below_their_parent(ws: Workspace, client: AsyncWebClient) -> None:
    ana = ws.person("ana")
    channel = ws.channel("ops", [ana])
    parent = await ana.say(channel, "parent")
    replies = [await ana.say(channel, f"{n}", thread=parent) for n in range(3)]

    pages = [
        [message["text"] for message in answer["messages"]]
        async for answer in await client.conversations_replies(channel=channel.id, ts=parent.ts, limit=2)
    ]

    assert pages == [["parent", "0", "1"], ["2"]]
    one = await client.conversations_replies(channel=channel.id, ts=replies[1].ts)
    assert [message["text"] for message in one["messages"]] == ["1"]
    assert await error_of(client.conversations_replies(channel=channel.id, ts="1.0")) == "thread_not_found"


async def test_history_gives_metadata_only_when_asked(ws: Workspace, client: AsyncWebClient) -> None:
    channel = ws.channel("ops")
    metadata = {"event_type": "card", "event_payload": {"row": "7"}}
    await client.chat_postMessage(channel=channel.id, text="x", metadata=metadata)

    bare = await client.conversations_history(channel=channel.id)
    full = await client.conversations_history(channel=channel.id, include_all_metadata=True)

    assert "metadata" not in bare["messages"][0]
    assert full["messages"][0]["metadata"] == metadata


async def test_the_bot_makes_a_channel_and_fills_it(ws: Workspace, client: AsyncWebClient) -> None:
    ana = ws.person("ana")

    channel = (await client.conversations_create(name="inc-1"))["channel"]
    await client.conversations_invite(channel=channel["id"], users=[ana.id])
    await client.conversations_setTopic(channel=channel["id"], topic="SEV1")
    await client.conversations_setPurpose(channel=channel["id"], purpose="mend it")
    await client.conversations_rename(channel=channel["id"], name="inc-1-done")
    body = (await client.conversations_info(channel=channel["id"]))["channel"]
    await client.conversations_archive(channel=channel["id"])

    assert (body["name"], body["topic"]["value"], body["purpose"]["value"]) == ("inc-1-done", "SEV1", "mend it")
    assert body["creator"] == ws.bot_user_id
    assert [seen.plain() for seen in ana.sees(ws.channel("inc-1-done"))] == [
        "@opsbot has joined the channel",
        "@ana has joined the channel",
        "@opsbot set the channel topic: SEV1",
        "@opsbot set the channel purpose: mend it",
        '@opsbot has renamed the channel from "inc-1" to "inc-1-done"',
        "@opsbot archived the channel",
    ]
    assert await error_of(client.conversations_setTopic(channel=channel["id"], topic="x")) == "is_archived"
    assert await error_of(client.conversations_archive(channel=channel["id"])) == "already_archived"


@pytest.mark.parametrize(
    ("name", "error"),
    [
        pytest.param("ops", "name_taken", id="taken"),
        pytest.param("", "invalid_name_required", id="empty"),
        pytest.param("With Space", "invalid_name_specials", id="space"),
        pytest.param("--", "invalid_name_punctuation", id="only punctuation"),
        pytest.param("x" * 81, "invalid_name_maxlength", id="long"),
    ],
)
async def test_names_that_slack_refuses(ws: Workspace, client: AsyncWebClient, name: str, error: str) -> None:
    ws.channel("ops")

    assert await error_of(client.conversations_create(name=name)) == error


async def test_invitations_fail_softly_only_when_forced(ws: Workspace, client: AsyncWebClient) -> None:
    ana, ben, eve = ws.person("ana"), ws.person("ben"), ws.person("eve", team_id="T999")
    channel = ws.channel("ops", [ana])

    async def invite(*users: str, force: bool = False) -> str:
        return await error_of(client.conversations_invite(channel=channel.id, users=list(users), force=force))

    assert await invite(ana.id) == "already_in_channel"
    assert await invite("U0", ben.id) == "user_not_found"
    assert await invite(ws.bot_user_id) == "cant_invite_self"
    assert await invite(eve.id) == "cant_invite"
    assert await invite() == "no_user"
    assert ben.id not in channel.members
    await client.conversations_invite(channel=channel.id, users=["U0", ben.id], force=True)
    assert ben.id in channel.members


async def test_the_bot_joins_public_channels(ws: Workspace, client: AsyncWebClient) -> None:
    ana = ws.person("ana")
    away = ws.channel("away", [ana], bot=False)
    secret = ws.channel("secret", [ana], private=True, bot=False)

    await client.conversations_join(channel=away.id)
    again = await client.conversations_join(channel=away.id)

    assert ws.bot_user_id in away.members
    assert again["warning"] == "already_in_channel"
    assert await error_of(client.conversations_join(channel=secret.id)) == "method_not_supported_for_channel_type"
    assert await error_of(client.conversations_join(channel="C0")) == "channel_not_found"
    await ana.archive(ws.channel("old", [ana], bot=False))
    assert await error_of(client.conversations_join(channel=ws.channel("old", bot=False).id)) == "is_archived"


async def test_direct_conversations_are_opened(ws: Workspace, client: AsyncWebClient) -> None:
    ana, ben = ws.person("ana"), ws.person("ben")

    one = await client.conversations_open(users=[ana.id])
    several = await client.conversations_open(users=[ana.id, ben.id], return_im=True)

    assert one["channel"] == {"id": ana.dm().id}
    assert several["channel"]["name"] == "mpdm-ana--ben--opsbot-1"
    assert await error_of(client.conversations_open(users=[])) == "users_list_not_supplied"
    assert await error_of(client.conversations_open(users=["U0"])) == "user_not_found"


async def test_long_topics_are_refused(ws: Workspace, client: AsyncWebClient) -> None:
    channel = ws.channel("ops")

    assert await error_of(client.conversations_setTopic(channel=channel.id, topic="x" * 251)) == "too_long"
    assert await error_of(client.conversations_setPurpose(channel=channel.id, purpose="x" * 251)) == "too_long"


STAMPS = st.lists(st.integers(0, 50), unique=True).map(lambda ns: [f"{n:010d}.000000" for n in sorted(ns)])


@settings(max_examples=60)
@given(stamps=STAMPS, limit=st.integers(1, 7), newest=st.booleans())
def test_pages_hold_each_item_once_in_order(stamps: list[str], limit: int, *, newest: bool) -> None:
    got: list[str] = []
    cursor = ""
    while True:
        args = Args({"limit": limit, "cursor": cursor})
        part, cursor = (newest_first if newest else oldest_first)(stamps, args)
        assert len(part) <= limit
        got += part
        if not cursor:
            break

    assert got == (stamps[::-1] if newest else stamps)


@given(stamps=STAMPS, oldest=st.integers(0, 50), latest=st.integers(0, 50), inclusive=st.booleans())
def test_a_span_holds_what_lies_within_it(stamps: list[str], oldest: int, latest: int, *, inclusive: bool) -> None:
    got = between(stamps, Args({"oldest": str(oldest), "latest": str(latest), "inclusive": inclusive}))

    inside = [ts for ts in stamps if oldest < float(ts) < latest]
    ends = [ts for ts in stamps if inclusive and float(ts) in {oldest, latest} and oldest <= float(ts) <= latest]
    assert list(got) == sorted({*inside, *ends})


def test_a_cursor_of_an_item_that_is_gone_ends_the_list() -> None:
    first, metadata = page(["a", "b"], Args({"limit": 1}), key=str)
    rest, _ = page(["a", "c"], Args({"limit": 1, "cursor": metadata["next_cursor"]}), key=str)

    assert (first, rest) == (["a"], [])
