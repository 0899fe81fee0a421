"""What people choose in the menu of a message."""

from __future__ import annotations

import pytest

from bot.core.people import Role
from bot.demo.workspace import Person, Workspace
from bot.demo.workspace.records import Channel
from bot.slack.people import Roles
from bot.store.postgres import Postgres
from tests.fixtures_slack import SlackBot, running_bot, until


@pytest.fixture
def ana(workspace: Workspace) -> Person:
    return workspace.person("ana")


@pytest.fixture
def ops(workspace: Workspace, ana: Person) -> Channel:
    return workspace.channel("ops", [ana])


async def test_a_shortcut_is_answered_to_whoever_chose_it_where_the_message_stands(
    bot: SlackBot, workspace: Workspace, ana: Person, ops: Channel
) -> None:
    parent = await ana.say(ops, "why?")
    reply = await ana.say(ops, "because", thread=parent)

    answer = await (await ana.shortcut(reply, "quote")).reply()

    assert answer.plain() == f"{ops.id} {reply.ts} {parent.ts}"
    assert answer.ephemeral


async def test_a_shortcut_that_slack_delivers_twice_is_done_once(
    slack_bot: SlackBot, workspace: Workspace, ana: Person, ops: Channel
) -> None:
    workspace.faults.redeliver(2, "message_action")
    await (await ana.shortcut(await ana.say(ops, "hello"), "quote")).reply()
    await until(lambda: slack_bot.counted("double") == 2)

    assert slack_bot.diary.entries == ["quoted by ana"]


async def test_a_shortcut_needs_its_role(slack_bot: SlackBot, ana: Person, ops: Channel) -> None:
    turn = await ana.shortcut(await ana.say(ops, "hello"), "about")

    assert "needs the role responder" in (await turn.reply()).plain()


async def test_a_shortcut_of_a_former_version_is_told_so(slack_bot: SlackBot, ana: Person, ops: Channel) -> None:
    turn = await ana.shortcut(await ana.say(ops, "hello"), "gone")

    assert "I do not know this shortcut" in (await turn.reply()).plain()


async def test_a_shortcut_may_ask_for_words(workspace: Workspace, store: Postgres, ana: Person, ops: Channel) -> None:
    async with running_bot(workspace, store, roles=Roles(default=Role.RESPONDER)) as bot:
        said = await ana.say(ops, "hello")
        await ana.shortcut(said, "about")
        await ana.submit(await ana.wait_for_modal(), {"number": "3"})
        await until(lambda: bool(bot.diary.entries))

    assert bot.diary.entries == [f"count 3 {said.ts}"]


async def test_a_shortcut_of_another_app_is_not_taken(slack_bot: SlackBot, workspace: Workspace) -> None:
    status, _ = await slack_bot.door.receive({"type": "message_action", "api_app_id": "A0OTHER"}, {})

    assert status == 403
