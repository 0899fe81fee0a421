"""files.*: uploads in three steps, and downloads."""

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.demo.workspace import Workspace
from tests.demo.workspace.test_chat import error_of


async def test_the_sdk_uploads_a_file_into_a_thread(ws: Workspace, client: AsyncWebClient) -> None:
    ana = ws.person("ana")
    channel = ws.channel("ops", [ana])
    parent = await ana.say(channel, "the log?")

    await client.files_upload_v2(
        channel=channel.id,
        thread_ts=parent.ts,
        content="line 1\n",
        filename="gateway.log",
        title="Log",
        initial_comment="here",
    )

    seen = await ana.wait_for(channel, "[file: Log]")
    assert (seen.plain(), seen.files, seen.thread_ts) == ("here\n[file: Log]", ("Log",), parent.ts)


async def test_a_file_is_fetched_with_the_bots_token_only(ws: Workspace, client: AsyncWebClient) -> None:
    ana = ws.person("ana")
    await ana.say(ws.channel("ops", [ana]), "", files=[("gateway.log", b"boom")])
    history = await client.conversations_history(channel=ws.channel("ops").id)
    file = history["messages"][0]["files"][0]
    assert (await client.files_info(file=file["id"]))["file"]["name"] == "gateway.log"

    async def fetch(token: str) -> bytes:
        headers = {"Authorization": f"Bearer {token}"}
        async with aiohttp.ClientSession() as session, session.get(file["url_private"], headers=headers) as answer:
            return await answer.read()

    assert await fetch(ws.bot_token) == b"boom"
    assert b"Sign in" in await fetch("xoxb-wrong")


@pytest.mark.parametrize(("announced", "sent"), [(3, b"four"), (4, b"")])
async def test_an_upload_has_as_many_bytes_as_announced(
    ws: Workspace, client: AsyncWebClient, announced: int, sent: bytes
) -> None:
    step = await client.files_getUploadURLExternal(filename="a.txt", length=announced)

    async with aiohttp.ClientSession() as session, session.post(step["upload_url"], data=sent) as answer:
        assert answer.status == 400

    assert await error_of(client.files_completeUploadExternal(files=[{"id": step["file_id"]}])) == "file_not_found"
    assert await error_of(client.files_info(file=step["file_id"])) == "file_not_found"


async def test_uploads_that_slack_refuses(ws: Workspace, client: AsyncWebClient) -> None:
    away = ws.channel("away", [ws.person("ana")], bot=False)
    hidden = ws.channel("hidden", [ws.person("ana")], private=True, bot=False)
    old = ws.channel("old", [ws.person("ana")])
    await ws.person("ana").archive(old)

    async def upload(channel: str) -> str:
        return await error_of(client.files_upload_v2(channel=channel, content="x", filename="a.txt"))

    assert await upload(away.id) == "not_in_channel"
    assert await upload(hidden.id) == "channel_not_found"
    assert await upload(old.id) == "is_archived"
    assert await error_of(client.files_getUploadURLExternal(filename="a", length=0)) == "invalid_arguments"
    assert await error_of(client.files_completeUploadExternal(files=[])) == "invalid_arguments"
