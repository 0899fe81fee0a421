from __future__ import annotations

import pytest

from bot.demo.workspace import Workspace
from tests.fixtures_slack import Refuse, SlackBot


async def test_a_mention_in_a_thread_is_answered_in_the_thread(workspace: Workspace, bot: SlackBot) -> None:
    ana = workspace.person("ana")
    ops = workspace.channel("ops", [ana])
    parent = await ana.say(ops, "The gateway is slow.")

    await ana.say(ops, f"{workspace.bot.mention} ping", thread=parent)

    reply = await ana.wait_for(ops, "pong")
    assert reply.ephemeral
    assert reply.thread_ts == parent.ts


async def test_a_public_answer_to_a_mention_is_posted(workspace: Workspace, slack_bot: SlackBot) -> None:
    ana, ben = workspace.person("ana"), workspace.person("ben")
    ops = workspace.channel("ops", [ana, ben])

    await ana.say(ops, f"{workspace.bot.mention}: shout <b> & co")

    assert (await ben.wait_for(ops, lambda seen: seen.user == workspace.bot_user_id)).plain() == "<b> & co"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param("", "/ops ping", id="nothing"),
        pytest.param("pnig", "Did you mean /ops ping?", id="nearest"),
        pytest.param("count", "number is missing.", id="too little, and no modal can be opened"),
    ],
)
async def test_a_mention_is_answered(workspace: Workspace, slack_bot: SlackBot, words: str, expected: str) -> None:
    ana = workspace.person("ana")
    ops = workspace.channel("ops", [ana])

    await ana.say(ops, f"{workspace.bot.mention} {words}")

    assert expected in (await ana.wait_for(ops, lambda seen: seen.user == workspace.bot_user_id)).plain()


async def test_copies_of_a_mention_are_dropped(workspace: Workspace, bot: SlackBot) -> None:
    ana = workspace.person("ana")
    ops = workspace.channel("ops", [ana])
    workspace.faults.redeliver(2, "app_mention")

    await ana.say(ops, f"{workspace.bot.mention} ping")
    await ana.wait_for(ops, "pong")
    await workspace.settled()

    assert bot.diary.entries == ["ping by ana"]


def mention(workspace: Workspace, **event: str) -> dict[str, object]:
    return {
        "type": "event_callback",
        "api_app_id": workspace.app_id,
        "team_id": workspace.team_id,
        "event": {"type": "app_mention", "channel": "C1", "ts": "1.0", "text": "<@U1> ping", **event},
    }


async def test_another_bot_is_not_answered(workspace: Workspace, slack_bot: SlackBot) -> None:
    robot = workspace.person("robot", bot=True)

    status, _ = await slack_bot.door.receive(mention(workspace, user=robot.id, bot_id=str(robot.user.bot_id)), {})

    assert status == 200
    assert slack_bot.counted("done") == 0


async def test_a_mention_that_cannot_be_claimed_comes_again(
    workspace: Workspace, slack_bot: SlackBot, refuse: Refuse
) -> None:
    ana = workspace.person("ana")
    ops = workspace.channel("ops", [ana])
    await refuse("claims", times=1)

    await ana.say(ops, f"{workspace.bot.mention} ping")

    assert (await ana.wait_for(ops, "pong")).ephemeral
    assert slack_bot.diary.entries == ["ping by ana"]
