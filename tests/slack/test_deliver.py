from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from bot.core.charts import Chart, Mark, Panel, Point
from bot.core.errors import IntegrationError, OutcomeUnknown
from bot.core.mrkdwn import escape
from bot.core.parts import Button
from bot.core.ports import MessageRef
from bot.core.results import LogLines, Text
from bot.demo.workspace import Person, Workspace
from bot.demo.workspace.records import Channel
from bot.slack import deliver
from bot.slack.ask import Reply
from bot.slack.deliver import Deliverer
from bot.slack.outbox import WAITS, Delayed
from bot.store.postgres import Postgres
from bot.web.server import serving
from tests.conftest import SetClock
from tests.fixtures_slack import SECRET, SlackBot, running_bot, until

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def ana(workspace: Workspace) -> Person:
    return workspace.person("ana")


@pytest.fixture
def ops(workspace: Workspace, ana: Person) -> Channel:
    return workspace.channel("ops", [ana])


@pytest.fixture
def chat(slack_bot: SlackBot) -> Deliverer:
    return slack_bot.link.chat


def text(line: str) -> Text:
    return Text((line,))


async def test_a_post_is_found_again_by_its_key(chat: Deliverer, ana: Person, ops: Channel) -> None:
    posted = await chat.post(ops.id, text("digest"), key="digest:1")

    assert await chat.find(ops.id, "digest:1", since=LONG_AGO) == posted
    assert await chat.find(ops.id, "digest:2", since=LONG_AGO) is None
    assert ana.sees(ops)[-1].plain() == "digest"


async def test_a_post_is_changed_and_pinned_and_has_an_address(chat: Deliverer, ana: Person, ops: Channel) -> None:
    posted = await chat.post(ops.id, text("running"))
    await chat.update(posted, text("done"))
    await chat.pin(posted)

    seen = ana.sees(ops)[-1]
    assert seen.plain() == "done"
    assert seen.pinned
    assert posted.ts.replace(".", "") in await chat.permalink(posted)


async def test_a_channel_is_made_with_its_topic_and_people(workspace: Workspace, chat: Deliverer, ana: Person) -> None:
    channel_id = await chat.create_channel("inc-7", private=False)
    await chat.set_topic(channel_id, f"Payments fail, key {SECRET}")
    await chat.invite(channel_id, [ana.id])

    channel = workspace.channel("inc-7")
    assert channel.id == channel_id
    assert channel.topic.value.startswith("Payments fail, key [redacted")
    assert ana.id in channel.members


async def test_a_channel_whose_name_is_taken_is_refused_with_slacks_code(chat: Deliverer, ops: Channel) -> None:
    with pytest.raises(IntegrationError) as caught:
        await chat.create_channel("ops", private=False)

    assert caught.value.hint == "name_taken"


async def test_a_post_that_slack_refuses_says_its_code(
    workspace: Workspace, chat: Deliverer, ana: Person, ops: Channel
) -> None:
    with pytest.raises(IntegrationError) as outside:
        await chat.post(workspace.channel("elsewhere", [ana], bot=False).id, text("hello"))
    workspace.scopes -= {"chat:write"}
    with pytest.raises(IntegrationError) as without_scope:
        await chat.post(ops.id, text("hello"))

    assert outside.value.hint == "not_in_channel"
    assert without_scope.value.hint == "missing_scope"


async def test_a_whisper_is_seen_by_one_and_becomes_a_direct_message_where_the_bot_is_no_member(
    workspace: Workspace, chat: Deliverer, ana: Person, ops: Channel
) -> None:
    elsewhere = workspace.channel("elsewhere", [ana], bot=False)

    await chat.whisper(ops.id, ana.id, text("psst"))
    await chat.whisper(elsewhere.id, ana.id, text("over here"))

    assert ana.sees(ops)[-1].ephemeral
    assert ana.sees(ana.dm())[-1].plain() == "over here"


async def test_a_file_is_shared_without_its_secrets(
    workspace: Workspace, chat: Deliverer, ana: Person, ops: Channel
) -> None:
    await chat.upload(ops.id, "report.md", f"key={SECRET}\nfine\n", title="Report")

    (file,) = workspace.core.store.files.values()
    assert SECRET.encode() not in file.content
    assert b"fine" in file.content
    assert ana.sees(ops)[-1].files == ("Report",)


async def test_a_chart_is_shared_as_a_picture_that_words_stand_for_and_without_secrets(
    workspace: Workspace, chat: Deliverer, ana: Person, ops: Channel
) -> None:
    since = datetime(2026, 3, 1, tzinfo=UTC)
    panel = Panel("Success rate", "%", (Point(since, 99.5), Point(since + timedelta(hours=1), None)), limit=99)
    mark = Mark(since, f"deploy with {SECRET}")

    await chat.picture(ops.id, "week.png", Chart("The week", since, since + timedelta(days=7), (panel,), (mark,)))

    (file,) = workspace.core.store.files.values()
    assert file.content.startswith(b"\x89PNG")
    assert "Success rate: 99.5 to 99.5 %, 99.5 % at last, limit 99 %, not known 1 of 2 times." in file.alt
    assert "deploy with" in file.alt
    assert SECRET not in file.alt
    assert ana.sees(ops)[-1].files == ("The week",)


async def test_what_is_too_long_for_a_message_comes_as_a_file(
    workspace: Workspace, chat: Deliverer, ana: Person, ops: Channel
) -> None:
    long = LogLines("Logs", tuple(f"line {number} " + "x" * 200 for number in range(500)))

    posted = await chat.post(ops.id, long)
    await chat.whisper(ops.id, ana.id, long)

    in_thread = [seen for seen in ana.sees(ops) if seen.thread_ts == posted.ts and seen.files]
    assert len(in_thread) == 1
    assert ana.sees(ana.dm())[-1].files


async def test_a_channel_gets_one_message_a_second_and_the_others_do_not_wait(
    workspace: Workspace, store: Postgres, ana: Person, ops: Channel
) -> None:
    other = workspace.channel("other", [ana])
    async with running_bot(workspace, store, posts_a_second=deliver.POSTS_A_SECOND) as bot:
        chat = bot.link.chat
        started = time.monotonic()

        await asyncio.gather(*(chat.post(ops.id, text(str(number))) for number in range(3)))
        in_one = time.monotonic() - started
        await asyncio.gather(*(chat.post(channel.id, text("x")) for channel in (other, workspace.channel("third"))))

    assert in_one >= 1.9
    assert time.monotonic() - started - in_one < 1


async def test_a_rate_limit_is_waited_out(workspace: Workspace, chat: Deliverer, ana: Person, ops: Channel) -> None:
    workspace.faults.rate_limit("chat.postMessage", times=1, retry_after=1)

    await chat.post(ops.id, text("patience"))

    assert ana.sees(ops)[-1].plain() == "patience"


async def test_history_and_profiles_and_groups_are_read(
    workspace: Workspace, chat: Deliverer, ana: Person, ops: Channel
) -> None:
    parent = await ana.say(ops, "a < b")
    reply = await ana.say(ops, "reply", thread=parent)
    workspace.group("oncall", [ana])

    found = [message async for message in chat.history(ops.id, since=LONG_AGO)]
    profile = await chat.profile(ana.id)

    assert [(message.ts, message.text) for message in found] == [(parent.ts, "a < b"), (reply.ts, "reply")]
    assert (profile.name, profile.trusted, profile.zone) == ("ana", True, "UTC")
    assert await chat.group_members("oncall") == (ana.id,)


async def test_long_histories_and_threads_are_read_to_their_end(
    workspace: Workspace, chat: Deliverer, ana: Person, ops: Channel
) -> None:
    parent = await ana.say(ops, "parent")
    for number in range(250):
        await ana.say(ops, f"reply {number}", thread=parent)
    for number in range(250):
        await ana.say(ops, f"message {number}")

    found = [message.text async for message in chat.history(ops.id, since=LONG_AGO)]

    assert len(found) == len(set(found)) == 501


class Outage:
    """Slack away, a bot that has something to say, and the clock that brings it later."""

    def __init__(self, workspace: Workspace, bot: SlackBot, clock: SetClock) -> None:
        self.workspace = workspace
        self.bot = bot
        self.clock = clock

    async def later(self) -> list[dict[str, Any]]:
        """What is due after the longest wait; it is tried once more."""
        async with self.bot.store.transaction() as tx:
            due = await tx.due.take(now=self.clock.advance(max(WAITS)))
        args = [dict(row.args) for row in due if row.kind == "deliver"]
        for arg in args:
            await self.bot.link.outbox.bring(**arg)  # type: ignore[arg-type]
        return args


@pytest.fixture
async def outage(workspace: Workspace, store: Postgres, clock: SetClock, ops: Channel) -> Any:  # noqa: ANN401 - a fixture that yields
    async with running_bot(workspace, store, clock=clock) as bot:
        yield Outage(workspace, bot, clock)


async def test_a_message_that_slack_could_not_take_is_brought_later(outage: Outage, ana: Person, ops: Channel) -> None:
    outage.workspace.faults.fail("chat.postMessage", "internal_error", times=2, status=503)

    with pytest.raises(Delayed):
        await outage.bot.link.chat.post(ops.id, text("kept"))
    first = await outage.later()
    second = await outage.later()

    assert (len(first), len(second)) == (1, 1)
    assert ana.sees(ops)[-1].plain() == "kept"
    assert await outage.later() == []


async def test_an_answer_that_slack_could_not_take_is_brought_later(outage: Outage, ana: Person, ops: Channel) -> None:
    outage.workspace.faults.fail("response_url", "internal_error", status=500)

    turn = await ana.command(ops, "/ops ping")
    async with asyncio.timeout(5):
        while not await outage.later():  # noqa: ASYNC110 - a row has no event to wait for
            await asyncio.sleep(0.05)

    assert [reply.plain() for reply in turn.replies()] == ["pong"]


async def test_a_post_with_a_key_is_left_to_its_caller(outage: Outage, ops: Channel) -> None:
    outage.workspace.faults.fail("chat.postMessage", "internal_error", status=503)

    with pytest.raises(OutcomeUnknown) as caught:
        await outage.bot.link.chat.post(ops.id, text("digest"), key="digest:1")

    assert not isinstance(caught.value, Delayed)
    assert await outage.later() == []


async def test_a_message_that_is_given_up_is_in_the_log_without_its_secrets(outage: Outage, ops: Channel) -> None:
    outage.workspace.faults.fail("chat.postMessage", "internal_error", times=99, status=503)

    with capture_logs() as logs:
        with pytest.raises(Delayed):
            await outage.bot.link.chat.post(ops.id, text(f"the key is {SECRET}"))
        while await outage.later():
            pass

    (entry,) = [entry for entry in logs if entry["event"] == "slack.undelivered"]
    assert entry["text"].startswith("the key is [redacted")
    assert SECRET not in str(entry)
    assert escape(SECRET) not in str(entry)
    assert entry["channel"] == ops.id
    assert outage.bot.metrics.get_sample_value("opsbot_undelivered_messages_total") == 1


async def test_an_answer_that_slack_refuses_is_in_the_log(
    workspace: Workspace, slack_bot: SlackBot, ana: Person, ops: Channel
) -> None:
    workspace.faults.fail("response_url", "no_text", status=404)

    with capture_logs() as logs:
        await ana.command(ops, "/ops ping")
        await until(lambda: slack_bot.metrics.get_sample_value("opsbot_undelivered_messages_total") == 1)

    (entry,) = [entry for entry in logs if entry["event"] == "slack.undelivered"]
    assert entry["text"] == "pong"


async def test_a_refusal_while_it_is_brought_ends_it(outage: Outage, ops: Channel) -> None:
    outage.workspace.faults.fail("chat.postMessage", "internal_error", status=503)
    with pytest.raises(Delayed):
        await outage.bot.link.chat.post(ops.id, text("kept"))
    outage.workspace.faults.fail("chat.postMessage", "is_archived")

    with capture_logs() as logs:
        await outage.later()

    assert [entry["event"] for entry in logs] == ["slack.undelivered"]
    assert await outage.later() == []


async def test_a_slack_that_is_gone_is_an_unknown_outcome(
    workspace: Workspace, slack_bot: SlackBot, ops: Channel
) -> None:
    slack_bot.link.client.base_url = "http://127.0.0.1:9/api/"

    with pytest.raises(OutcomeUnknown, match="gave no answer"):
        await slack_bot.link.chat.update(MessageRef(ops.id, "1.0"), text("x"))


class Flaky:
    """Stands where Slack stands: closes the first connection, and then answers what is no JSON."""

    def __init__(self) -> None:
        self.asked = 0

    async def answer(self, request: web.Request) -> web.Response:
        self.asked += 1
        if self.asked == 1:
            assert request.transport is not None
            request.transport.close()
        return web.Response(text="ok", content_type="application/json")


@pytest.fixture
async def flaky() -> AsyncIterator[tuple[Flaky, str]]:
    """A flaky Slack and its address."""
    server = Flaky()
    app = web.Application()
    app.router.add_post("/{path:.*}", server.answer)
    async with serving(app, host="127.0.0.1", port=0) as port:
        yield server, f"http://127.0.0.1:{port}"


async def test_an_answer_on_a_connection_that_slack_had_closed_is_sent_again(
    slack_bot: SlackBot, flaky: tuple[Flaky, str]
) -> None:
    server, url = flaky

    await slack_bot.link.chat.answer(Reply("U1", url=f"{url}/hook"), text("hello"))

    assert server.asked == 2


async def test_an_answer_of_slack_that_makes_no_sense_is_a_refusal(
    slack_bot: SlackBot, flaky: tuple[Flaky, str]
) -> None:
    slack_bot.link.client.base_url = f"{flaky[1]}/api/"

    with pytest.raises(IntegrationError) as caught:
        await slack_bot.link.chat.update(MessageRef("C1", "1.0"), text("x"))

    assert caught.value.hint == "http_200"


async def test_answers_stay_in_the_thread_of_the_click(
    workspace: Workspace, slack_bot: SlackBot, ana: Person, ops: Channel
) -> None:
    parent = await ana.say(ops, "parent")
    await slack_bot.link.chat.post(
        ops.id, Text(("Press it.",), buttons=(Button("Admin", "admin", "row1"),)), thread=parent.ts
    )

    turn = await ana.click(await ana.wait_for(ops, "Press it."), "Admin")

    assert (await turn.reply()).thread_ts == parent.ts


async def test_a_whisper_that_slack_refuses_is_refused(
    workspace: Workspace, chat: Deliverer, ana: Person, ops: Channel
) -> None:
    workspace.faults.fail("chat.postEphemeral", "restricted_action")

    with pytest.raises(IntegrationError) as caught:
        await chat.whisper(ops.id, ana.id, text("psst"))

    assert caught.value.hint == "restricted_action"


async def test_paces_of_channels_long_unused_are_forgotten(
    chat: Deliverer, ops: Channel, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "_CHANNELS", 1)

    await chat.post(ops.id, text("one"))
    await chat.post(workspace.channel("other").id, text("two"))

    assert len(chat._paces) == 1
