from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from bot.core.people import Role
from bot.core.records import Pending
from bot.demo.workspace import Person, SeenView, Workspace
from bot.slack.people import Roles
from bot.store.postgres import Postgres
from tests.fixtures_slack import COMMANDS, SlackBot, running_bot


async def opened(workspace: Workspace, who: Person, line: str = "/ops count") -> SeenView:
    """The form that a line opens."""
    await who.command(workspace.channel("ops", [who]), line)
    return await who.wait_for_modal()


async def test_a_command_that_was_told_too_little_asks_and_then_runs(workspace: Workspace, bot: SlackBot) -> None:
    ana = workspace.person("ana")
    ops = workspace.channel("ops", [ana])

    turn = await ana.submit(await opened(workspace, ana), {"number": "3"})

    assert turn.error is None
    assert (await ana.wait_for(ops, "3 sheep")).ephemeral
    assert ana.modal is None
    assert bot.diary.entries == ["count 3 sheep"]


async def test_the_form_carries_the_id_of_its_row_and_nothing_else(workspace: Workspace, slack_bot: SlackBot) -> None:
    view = await opened(workspace, workspace.person("ana"))

    assert len(view.private_metadata) == 32
    assert set(view.private_metadata) <= set("0123456789abcdef")


async def test_what_was_typed_already_is_filled_in(workspace: Workspace, slack_bot: SlackBot) -> None:
    ana = workspace.person("ana")

    view = await opened(workspace, ana, "/ops count --unit goats")

    assert view.values["unit"]["answer"]["value"] == "goats"


async def test_what_is_wrong_is_said_at_its_field_and_the_form_stays(workspace: Workspace, bot: SlackBot) -> None:
    ana = workspace.person("ana")
    view = await opened(workspace, ana)

    turn = await ana.submit(view, {"number": "many"})

    assert turn.errors == {"number": "number must be a whole number."}
    assert ana.modal is not None
    assert bot.diary.entries == []


async def test_copies_of_a_submission_run_once(workspace: Workspace, slack_bot: SlackBot) -> None:
    ana = workspace.person("ana")
    ops = workspace.channel("ops", [ana])
    view = await opened(workspace, ana)
    workspace.faults.redeliver(2, "view_submission")

    await ana.submit(view, {"number": "3"})
    await ana.wait_for(ops, "3 sheep")
    await workspace.settled()

    assert slack_bot.diary.entries == ["count 3 sheep"]


async def test_a_role_that_was_lost_since_the_form_was_opened_counts(workspace: Workspace, store: Postgres) -> None:
    ana = workspace.person("ana")
    async with running_bot(workspace, store):
        view = await opened(workspace, ana)

    async with running_bot(workspace, store, roles=Roles(default=Role.NOBODY)) as bot:
        await ana.submit(view, {"number": "3"})
        text = (await ana.wait_for(ana.dm(), "Not allowed")).plain()

    assert "This needs the role viewer" in text
    assert bot.diary.entries == []


async def test_somebody_elses_form_is_refused(workspace: Workspace, slack_bot: SlackBot) -> None:
    ana = workspace.person("ana")
    view = await opened(workspace, ana)
    async with slack_bot.store.transaction() as tx:
        await tx.pending.put(Pending("0" * 32, "form", "U0SOMEBODY0", "C1", {}, datetime.now(UTC)))
    workspace.core.surfaces.stacks[ana.id][-1].body["private_metadata"] = "0" * 32

    await ana.submit(view, {"number": "3"})

    assert "This form was opened by somebody else." in (await ana.wait_for(ana.dm(), "Not allowed")).plain()


async def test_a_form_whose_row_is_gone_is_answered(workspace: Workspace, slack_bot: SlackBot) -> None:
    ana = workspace.person("ana")
    view = await opened(workspace, ana)
    workspace.core.surfaces.stacks[ana.id][-1].body["private_metadata"] = "gone"

    turn = await ana.submit(view, {"number": "3"})

    assert turn.error is None
    assert "too old" in (await ana.wait_for(ana.dm(), "too old")).plain()


async def test_where_no_form_can_be_opened_the_answer_says_what_is_missing(
    workspace: Workspace, slack_bot: SlackBot
) -> None:
    ana = workspace.person("ana")
    workspace.faults.fail("views.open", "expired_trigger_id")

    turn = await ana.command(workspace.channel("ops", [ana]), "/ops count")
    text = (await turn.reply()).plain()

    assert "number is missing." in text
    assert "/ops count <number> [unit]" in text


async def test_a_form_of_a_command_that_has_changed_is_answered(workspace: Workspace, store: Postgres) -> None:
    ana = workspace.person("ana")
    async with running_bot(workspace, store):
        view = await opened(workspace, ana)

    split = [replace(command, path=("count", word)) for word in ("up", "down") for command in COMMANDS[2:3]]
    async with running_bot(workspace, store, commands=split):
        await ana.submit(view, {"number": "3"})
        text = (await ana.wait_for(ana.dm(), "changed")).plain()

    assert "This command has changed since the form was opened." in text


async def test_a_form_that_cannot_be_taken_is_not_acked(
    workspace: Workspace, slack_bot: SlackBot, store: Postgres
) -> None:
    ana = workspace.person("ana")
    view = await opened(workspace, ana)
    async with store._pool.connection() as connection:
        await connection.execute("alter table pending rename to elsewhere")

    turn = await ana.submit(view, {"number": "3"})

    assert turn.error is not None
    assert slack_bot.diary.entries == []


async def test_a_click_opens_a_form_that_is_filled_in_and_keeps_what_it_does_not_ask(
    workspace: Workspace, slack_bot: SlackBot
) -> None:
    ana = workspace.person("ana")
    ops = workspace.channel("ops", [ana])

    turn = await ana.click(await (await ana.command(ops, "/ops button")).reply(), "Ask")
    view = await ana.wait_for_modal()
    given = view.values["number"]["answer"]["value"]
    await ana.submit(view, {"number": "5"})

    assert turn.error is None
    assert (given, "unit" in view.values) == ("2", False)
    assert (await ana.wait_for(ops, "5 goats of row3")).ephemeral
    assert any("Press it." in seen.plain() for seen in ana.sees(ops))


async def test_a_form_that_slack_does_not_open_for_a_click_is_told_with_a_way_on(
    workspace: Workspace, slack_bot: SlackBot
) -> None:
    ana = workspace.person("ana")
    ops = workspace.channel("ops", [ana])
    card = await (await ana.command(ops, "/ops button")).reply()
    workspace.faults.fail("views.open", "expired_trigger_id")

    await ana.click(card, "Ask")

    assert "Click again." in (await ana.wait_for(ops, "Slack did not open the form")).plain()
