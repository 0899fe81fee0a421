from __future__ import annotations

import asyncio

from bot.core.people import Role
from bot.demo.workspace import Person, Seen, Workspace
from bot.demo.workspace.records import Channel
from bot.slack.people import Roles
from bot.store.postgres import Postgres
from tests.fixtures_slack import Refuse, SlackBot, running_bot, until


async def card(workspace: Workspace, who: Person, ops: Channel) -> Seen:
    """A card with buttons that only `who` sees."""
    return await (await who.command(ops, "/ops button")).reply()


async def test_a_click_is_acked_and_its_outcome_takes_the_place_of_the_card(
    workspace: Workspace, bot: SlackBot
) -> None:
    ana = workspace.person("ana")
    ops = workspace.channel("ops", [ana])

    turn = await ana.click(await card(workspace, ana, ops), "Press")

    assert turn.error is None
    assert (await ana.wait_for(ops, "Pressed by ana.")).buttons() == []
    assert not any("Press it." in seen.plain() for seen in ana.sees(ops))


async def test_a_click_on_a_posted_card_changes_it_for_all(workspace: Workspace, slack_bot: SlackBot) -> None:
    ana, ben = workspace.person("ana"), workspace.person("ben")
    ops = workspace.channel("ops", [ana, ben])
    await ana.command(ops, "/ops post Who presses?")

    await ben.click(await ben.wait_for(ops, "Who presses?"), "Press")

    assert (await ana.wait_for(ops, "Pressed by ben.")).edited


async def test_a_click_that_is_not_allowed_is_answered_and_does_nothing(workspace: Workspace, bot: SlackBot) -> None:
    ana = workspace.person("ana")
    ops = workspace.channel("ops", [ana])

    turn = await ana.click(await card(workspace, ana, ops), "Admin")

    assert turn.error is None
    assert "This needs the role admin; you have viewer." in (await turn.reply()).plain()
    assert "Press it." in ana.sees(ops)[0].plain()
    assert bot.diary.entries == []


async def test_a_stranger_who_clicks_is_told_whom_to_ask(workspace: Workspace, store: Postgres) -> None:
    ana, mallory = workspace.person("ana"), workspace.person("mallory", team_id="T0OTHER0000")
    ops = workspace.channel("ops", [ana, mallory])

    async with running_bot(workspace, store, roles=Roles(users={ana.id: Role.ADMIN})) as bot:
        await ana.command(ops, "/ops post Who presses?")
        turn = await mallory.click(await mallory.wait_for(ops, "Who presses?"), "Press")
        text = (await turn.reply()).plain()

    assert "Ask @ana" in text
    assert bot.diary.entries == []


async def test_a_click_that_came_too_late_is_told_why(workspace: Workspace, slack_bot: SlackBot) -> None:
    ana, ben = workspace.person("ana"), workspace.person("ben")
    ops = workspace.channel("ops", [ana, ben])
    hers, his = await card(workspace, ana, ops), await card(workspace, ben, ops)

    await ana.click(hers, "Press")
    turn = await ben.click(his, "Press")

    assert turn.error is None
    assert "It was pressed before." in (await turn.reply()).plain()


async def test_copies_of_a_click_say_nothing(workspace: Workspace, bot: SlackBot) -> None:
    ana = workspace.person("ana")
    ops = workspace.channel("ops", [ana])
    shown = await card(workspace, ana, ops)
    workspace.faults.redeliver(2, "block_actions")

    turn = await ana.click(shown, "Press")
    await until(lambda: bot.counted("double") == 2)

    assert [reply.plain() for reply in turn.replies()] == ["Pressed by ana."]
    assert bot.diary.entries == ["pressed row1"]


async def test_copies_that_run_at_the_same_time_say_nothing(workspace: Workspace, store: Postgres) -> None:
    ana = workspace.person("ana")
    ops = workspace.channel("ops", [ana])

    async with running_bot(workspace, store) as one, running_bot(workspace, store) as other:
        for bot in (one, other):
            bot.diary.entries = one.diary.entries
        shown = await card(workspace, ana, ops)
        workspace.faults.redeliver(3, "block_actions")
        turn = await ana.click(shown, "Press")
        await until(lambda: one.counted("double") + other.counted("double") == 3)

    assert [reply.plain() for reply in turn.replies()] == ["Pressed by ana."]


async def test_a_click_that_failed_is_not_acked_so_that_it_comes_again(workspace: Workspace, bot: SlackBot) -> None:
    ana = workspace.person("ana")
    ops = workspace.channel("ops", [ana])
    shown = await card(workspace, ana, ops)
    bot.diary.fail = 1
    workspace.faults.redeliver(1, "block_actions")

    turn = await ana.click(shown, "Press")
    await ana.wait_for(ops, "Pressed by ana.")

    assert turn.error is not None
    assert "Something broke on my side." in (await turn.reply()).plain()


async def test_a_click_that_takes_long_is_acked_in_time_and_answered_later(
    workspace: Workspace, slack_bot: SlackBot
) -> None:
    ana = workspace.person("ana")
    ops = workspace.channel("ops", [ana])
    shown = await card(workspace, ana, ops)
    slack_bot.diary.hold = asyncio.Event()

    turn = await ana.click(shown, "Press")
    slack_bot.diary.hold.set()

    assert turn.error is None
    assert turn.acked_after < 3
    assert (await turn.reply()).plain() == "Pressed by ana."


async def test_a_button_that_nobody_knows_any_more_is_answered(workspace: Workspace, store: Postgres) -> None:
    ana = workspace.person("ana")
    ops = workspace.channel("ops", [ana])
    async with running_bot(workspace, store):
        shown = await card(workspace, ana, ops)

    async with running_bot(workspace, store, clicks=()):
        turn = await ana.click(shown, "Press")
        text = (await turn.reply()).plain()

    assert "I do not know this button any more." in text


async def test_a_click_whose_claim_cannot_be_stored_is_not_acked(
    workspace: Workspace, slack_bot: SlackBot, refuse: Refuse
) -> None:
    ana = workspace.person("ana")
    ops = workspace.channel("ops", [ana])
    shown = await card(workspace, ana, ops)
    await refuse("claims", times=1)

    turn = await ana.click(shown, "Press")

    assert turn.error is not None
    assert "The database refused" in (await turn.reply()).plain()


async def test_a_click_in_app_home_is_answered_by_a_direct_message(workspace: Workspace, slack_bot: SlackBot) -> None:
    ana = workspace.person("ana")
    payload = {
        "type": "block_actions",
        "api_app_id": workspace.app_id,
        "team": {"id": workspace.team_id},
        "user": {"id": ana.id, "team_id": workspace.team_id},
        "trigger_id": "1.1",
        "container": {"type": "view", "view_id": "V1"},
        "actions": [{"type": "button", "action_id": "press", "block_id": "b", "value": "row1"}],
    }

    status, _ = await slack_bot.door.receive(payload, {})

    assert status == 200
    assert (await ana.wait_for(ana.dm(), "Pressed by ana.")).user == workspace.bot_user_id
