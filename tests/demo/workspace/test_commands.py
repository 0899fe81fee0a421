"""Slash commands: acks, answers, response_url and what goes wrong with them."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientSession
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncRespond
from slack_sdk.web.async_client import AsyncWebClient

from bot.demo.workspace import Workspace
from tests.conftest import SetClock
from tests.demo.workspace.conftest import Serve

Json = dict[str, Any]


async def test_a_command_is_acked_and_answered_to_its_person_only(ws: Workspace, app: AsyncApp, serve: Serve) -> None:
    @app.command("/ops")
    async def ops(ack: AsyncAck, respond: AsyncRespond) -> None:
        await ack()
        await respond("all is well")

    await serve(app)
    ana, ben = ws.person("ana"), ws.person("ben")
    channel = ws.channel("ops", [ana, ben])

    turn = await ana.command(channel, "/ops status")
    reply = await turn.reply()

    assert turn.error is None
    assert (reply.plain(), reply.ephemeral, reply.user) == ("all is well", True, ws.bot_user_id)
    assert [seen.plain() for seen in ana.sees(channel)] == ["all is well"]
    assert ben.sees(channel) == []


async def test_an_ack_with_a_text_is_the_answer(ws: Workspace, app: AsyncApp, serve: Serve) -> None:
    @app.command("/ops")
    async def ops(ack: AsyncAck) -> None:
        await ack("at once")

    await serve(app)
    ana = ws.person("ana")

    turn = await ana.command(ana.dm(), "/ops")

    assert [reply.plain() for reply in turn.replies()] == ["at once"]


async def test_an_ack_with_blocks_can_go_to_the_channel(ws: Workspace, app: AsyncApp, serve: Serve) -> None:
    @app.command("/ops")
    async def ops(ack: AsyncAck) -> None:
        blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "*for all*"}}]
        await ack(text="for all", blocks=blocks, response_type="in_channel")

    await serve(app)
    ana, ben = ws.person("ana"), ws.person("ben")
    channel = ws.channel("ops", [ana, ben])

    await ana.command(channel, "/ops")

    (seen,) = ben.sees(channel)
    assert (seen.plain(), seen.ephemeral) == ("for all", False)


async def test_a_command_carries_escaped_words_and_references(ws: Workspace, app: AsyncApp, serve: Serve) -> None:
    texts: list[str] = []

    @app.command("/ops")
    async def ops(ack: AsyncAck, command: Json) -> None:
        texts.append(command["text"])
        await ack()

    await serve(app)
    ana = ws.person("ana")
    channel = ws.channel("ops", [ana])

    await ana.command(channel, "/ops tell @ana in #ops <b> & nobody@example.com")
    await ana.command(channel, "/ops tell @ana", should_escape=False)

    refs = f"tell <@{ana.id}|ana> in <#{channel.id}|ops>"
    assert texts == [f"{refs} &lt;b&gt; &amp; nobody@example.com", "tell @ana"]


@pytest.mark.parametrize(
    ("private", "name"), [pytest.param(False, "ops", id="public"), pytest.param(True, "privategroup", id="private")]
)
async def test_a_command_does_not_give_away_private_names(
    ws: Workspace, app: AsyncApp, serve: Serve, *, private: bool, name: str
) -> None:
    names: list[str] = []

    @app.command("/ops")
    async def ops(ack: AsyncAck, command: Json) -> None:
        names.append(command["channel_name"])
        await ack()

    await serve(app)
    ana = ws.person("ana")

    await ana.command(ws.channel("ops", [ana], private=private), "/ops")
    await ana.command(ana.dm(), "/ops")

    assert names == [name, "directmessage"]


async def test_who_gets_no_ack_in_time_sees_a_timeout(ws: Workspace, app: AsyncApp, serve: Serve) -> None:
    @app.command("/ops")
    async def ops(ack: AsyncAck) -> None:
        await asyncio.sleep(1.2)
        await ack()

    await serve(app)
    ana = ws.person("ana")
    channel = ws.channel("ops", [ana])

    turn = await ana.command(channel, "/ops status")

    assert turn.timed_out
    assert turn.acked_after == pytest.approx(1, abs=0.3)
    (seen,) = ana.sees(channel)
    assert seen.plain() == '/ops failed with the error "operation_timeout"'
    assert seen.ephemeral


async def test_without_an_app_the_dispatch_fails(ws: Workspace) -> None:
    ana = ws.person("ana")
    ws.request_url = "http://127.0.0.1:9/slack/events"

    turn = await ana.command(ana.dm(), "/ops")

    assert turn.error == "dispatch_failed"
    assert ana.sees(ana.dm())[0].plain() == '/ops failed with the error "dispatch_failed"'


async def test_an_answer_that_slack_would_refuse_is_not_shown(ws: Workspace, app: AsyncApp, serve: Serve) -> None:
    @app.command("/ops")
    async def ops(ack: AsyncAck) -> None:
        await ack(text="fallback", blocks=[{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}])

    await serve(app)
    ana = ws.person("ana")

    await ana.command(ana.dm(), "/ops")

    assert ana.sees(ana.dm())[0].plain() == '/ops failed with the error "invalid_blocks"'


async def test_a_reply_that_never_comes_is_a_timeout(ws: Workspace, app: AsyncApp, serve: Serve) -> None:
    @app.command("/ops")
    async def ops(ack: AsyncAck) -> None:
        await ack()

    await serve(app)
    ana = ws.person("ana")
    turn = await ana.command(ana.dm(), "/ops")

    with pytest.raises(TimeoutError, match=r"no reply within 0\.05 s"):
        await turn.reply(timeout=0.05)


class Url:
    """The response_url of one command that was acked."""

    def __init__(self, address: str) -> None:
        self.address = address

    async def post(self, **body: object) -> tuple[int, Json]:
        """The status and body that Slack answers."""
        async with ClientSession() as session, session.post(self.address, json=body) as response:
            return response.status, await response.json()


async def response_url(ws: Workspace, app: AsyncApp, serve: Serve) -> Url:
    """The address that one command of ana's in #ops got."""
    urls: list[str] = []

    @app.command("/ops")
    async def ops(ack: AsyncAck, command: Json) -> None:
        urls.append(command["response_url"])
        await ack()

    await serve(app)
    ana = ws.person("ana")
    await ana.command(ws.channel("ops", [ana], bot=False), "/ops")
    return Url(urls[0])


async def test_a_response_url_works_five_times(ws: Workspace, app: AsyncApp, serve: Serve) -> None:
    url = await response_url(ws, app, serve)

    answers = [await url.post(text=f"{n}") for n in range(6)]

    assert answers[:5] == [(200, {"ok": True})] * 5
    assert answers[5] == (404, {"ok": False, "error": "used_url"})
    ana = ws.person("ana")
    assert [seen.plain() for seen in ana.sees(ws.channel("ops", bot=False))] == ["0", "1", "2", "3", "4"]


async def test_a_response_url_ends_after_thirty_minutes(clock: SetClock) -> None:
    async with Workspace.open(clock=clock) as ws:
        ana = ws.person("ana")
        hook = ws.core.hooks.open(ana.user, ana.dm())
        url = Url(ws.core.hooks.url(hook))

        clock.advance(timedelta(minutes=29, seconds=59))
        in_time = await url.post(text="in time")
        clock.advance(timedelta(seconds=1))
        late = await url.post(text="late")

    assert in_time == (200, {"ok": True})
    assert late == (404, {"ok": False, "error": "expired_url"})


async def test_an_unknown_response_url_is_refused(ws: Workspace) -> None:
    assert await Url(f"{ws.url}/response/T1/nonsense").post(text="x") == (404, {"ok": False, "error": "expired_url"})


async def test_a_response_url_reaches_a_channel_without_the_bot(ws: Workspace, app: AsyncApp, serve: Serve) -> None:
    url = await response_url(ws, app, serve)
    ben = ws.person("ben")
    channel = ws.channel("ops", [ben], bot=False)

    await url.post(text="for all", response_type="in_channel")

    assert [seen.plain() for seen in ben.sees(channel)] == ["for all"]


async def test_a_later_answer_can_replace_or_remove_the_first(ws: Workspace, app: AsyncApp, serve: Serve) -> None:
    url = await response_url(ws, app, serve)
    ana = ws.person("ana")
    channel = ws.channel("ops", bot=False)

    await url.post(text="working")
    (first,) = ana.sees(channel)
    await url.post(text="done", replace_original=True)
    (second,) = ana.sees(channel)
    await url.post(delete_original=True)
    await url.post(delete_original=True)

    assert (first.plain(), second.plain(), second.ts) == ("working", "done", first.ts)
    assert ana.sees(channel) == []


@pytest.mark.parametrize(
    ("body", "error"),
    [
        pytest.param({}, "no_text", id="nothing to say"),
        pytest.param({"text": "x", "blocks": "nonsense"}, "invalid_blocks_format", id="blocks that are no list"),
        pytest.param(
            {"text": "x", "blocks": [{"type": "actions", "elements": []}]}, "invalid_blocks", id="empty actions"
        ),
    ],
)
async def test_a_response_url_refuses_what_slack_refuses(
    ws: Workspace, app: AsyncApp, serve: Serve, body: Json, error: str
) -> None:
    url = await response_url(ws, app, serve)

    status, answer = await url.post(**body)

    assert (status, answer["ok"], answer["error"]) == (200, False, error)


async def test_an_answer_can_be_made_to_fail(ws: Workspace, app: AsyncApp, serve: Serve) -> None:
    url = await response_url(ws, app, serve)
    ws.faults.rate_limit("response_url")

    status, _ = await url.post(text="lost")
    await url.post(text="shown")

    assert status == 429
    assert [seen.plain() for seen in ws.person("ana").sees(ws.channel("ops", bot=False))] == ["shown"]


async def test_answers_are_in_the_log_of_calls(ws: Workspace, app: AsyncApp, serve: Serve) -> None:
    url = await response_url(ws, app, serve)

    await url.post(text="hello")

    call = await ws.wait_for_call("response_url")
    assert (call.args, call.response) == ({"text": "hello"}, {"ok": True})


async def test_the_client_needs_no_change(ws: Workspace, client: AsyncWebClient) -> None:
    answer = await client.auth_test()

    assert (answer["user_id"], answer["team_id"]) == (ws.bot_user_id, ws.team_id)
    assert "chat:write" in answer.headers["x-oauth-scopes"].split(",")
