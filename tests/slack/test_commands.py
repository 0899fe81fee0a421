from __future__ import annotations

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from bot.core.mrkdwn import escape
from bot.core.people import Role
from bot.core.records import AuditRow
from bot.demo.workspace import Workspace
from bot.slack.people import Roles
from bot.store.postgres import Postgres
from tests.fixtures_slack import SECRET, Refuse, SlackBot, running_bot, until


async def audited(store: Postgres, *, rows: int) -> tuple[AuditRow, ...]:
    """The newest `rows` rows of the audit chain, oldest first, once there are as many."""
    async with asyncio.timeout(5):
        while True:
            async with store.transaction() as tx:
                found = await tx.audit.recent()
            if len(found) >= rows:
                return tuple(reversed(found[:rows]))
            await asyncio.sleep(0.01)


async def said(workspace: Workspace, line: str, *, who: str = "ana") -> str:
    """What somebody reads after they typed a line in #ops."""
    person = workspace.person(who)
    turn = await person.command(workspace.channel("ops", [person]), line)
    return (await turn.reply()).plain()


async def test_a_command_is_acked_and_answered_to_the_one_who_typed_it(workspace: Workspace, bot: SlackBot) -> None:
    ana = workspace.person("ana")
    ops = workspace.channel("ops", [ana])

    turn = await ana.command(ops, "/ops ping")
    reply = await turn.reply()

    assert turn.error is None
    assert reply.plain() == "pong"
    assert reply.ephemeral


async def test_a_direct_command_does_the_same_as_its_words(workspace: Workspace, bot: SlackBot) -> None:
    assert await said(workspace, "/ops-ping") == "pong"


async def test_a_public_command_is_answered_where_all_can_read_it(workspace: Workspace, bot: SlackBot) -> None:
    ana, ben = workspace.person("ana"), workspace.person("ben")
    ops = workspace.channel("ops", [ana, ben])

    await ana.command(ops, "/ops shout it's <fine> & dandy")

    assert (await ben.wait_for(ops, "dandy")).plain() == "it's <fine> & dandy"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("/ops help", "/ops ping", id="index"),
        pytest.param("/ops", "/ops ping", id="nothing typed"),
        pytest.param("/ops count help", "/ops count <number> [unit]", id="one command"),
        pytest.param("/ops-ping help", "Say pong", id="direct command"),
        pytest.param("/ops pnig", "Did you mean /ops ping?", id="nearest"),
        pytest.param("/ops lose", "Look elsewhere.", id="error with what to do next"),
        pytest.param("/ops count many", "number must be a whole number.", id="wrong argument"),
        pytest.param("/ops count many", "/ops count <number> [unit]", id="usage after a wrong argument"),
        pytest.param("/ops where", "gateway in test", id="the only service"),
        pytest.param("/ops where --service gatway", "Did you mean gateway?", id="wrong service"),
    ],
)
async def test_an_answer_says(workspace: Workspace, slack_bot: SlackBot, line: str, expected: str) -> None:
    assert expected in await said(workspace, line)


async def test_a_bug_is_told_as_a_reference_that_the_log_has_with_the_stack(
    workspace: Workspace, slack_bot: SlackBot
) -> None:
    with capture_logs() as logs:
        text = await said(workspace, "/ops explode")

    (entry,) = [entry for entry in logs if entry["event"] == "request.failed"]
    assert entry["reference"] in text
    assert entry["exc_info"]
    assert "ZeroDivisionError" not in text
    assert SECRET not in text


async def test_a_secret_never_leaves_in_text_or_blocks(workspace: Workspace, slack_bot: SlackBot) -> None:
    ana = workspace.person("ana")
    ops = workspace.channel("ops", [ana])

    reply = await (await ana.command(ops, "/ops leak")).reply()

    assert "The key is [redacted" in reply.text
    for form in (SECRET, escape(SECRET)):
        assert form not in reply.text
        assert form not in str(reply.blocks)


async def test_a_change_is_handed_to_the_engine_with_its_service(workspace: Workspace, store: Postgres) -> None:
    ben = workspace.person("ben")
    roles = Roles(users={ben.id: Role.RESPONDER})

    async with running_bot(workspace, store, roles=roles):
        text = await said(workspace, "/ops secret change", who="ben")

    assert "Plan of secret change" in text
    assert "for gateway (test) by ben" in text


async def test_a_member_without_the_role_is_told_which_and_whom_to_ask(workspace: Workspace, store: Postgres) -> None:
    boss = workspace.person("boss")

    async with running_bot(workspace, store, roles=Roles(users={boss.id: Role.ADMIN}, default=Role.VIEWER)) as bot:
        text = await said(workspace, "/ops secret ping")
        (row,) = await audited(store, rows=1)

    assert "This needs the role responder; you have viewer." in text
    assert "@boss" in text
    assert bot.diary.entries == []
    assert (row.kind, row.data["command"]) == ("denied", "secret ping")


async def test_every_copy_of_a_command_but_one_is_dropped(workspace: Workspace, bot: SlackBot) -> None:
    workspace.faults.redeliver(2, "slash_commands")

    await said(workspace, "/ops ping")
    await until(lambda: bot.counted("double") == 2)

    assert bot.diary.entries == ["ping by ana"]


async def test_two_replicas_run_a_command_once(workspace: Workspace, store: Postgres) -> None:
    async with running_bot(workspace, store) as one, running_bot(workspace, store) as other:
        workspace.faults.redeliver(3, "slash_commands")
        await said(workspace, "/ops ping")
        await until(lambda: one.counted("double") + other.counted("double") == 3)

    assert one.diary.entries + other.diary.entries == ["ping by ana"]


async def test_a_command_is_acked_at_once_while_slacks_api_is_slow(workspace: Workspace, bot: SlackBot) -> None:
    workspace.faults.slow("*", 1)
    ana = workspace.person("ana")
    ops = workspace.channel("ops", [ana])

    turn = await ana.command(ops, "/ops ping")

    assert turn.error is None
    assert turn.acked_after < 0.5
    assert (await turn.reply()).plain() == "pong"


async def test_a_command_is_audited_with_redacted_arguments_and_what_came_of_it(
    workspace: Workspace, slack_bot: SlackBot
) -> None:
    await said(workspace, f"/ops count 3 '{SECRET}'")
    await said(workspace, "/ops lose")
    done, refused = await audited(slack_bot.store, rows=2)

    ana, ops = workspace.person("ana"), workspace.channel("ops")
    assert done.actor == ana.id
    assert done.data["channel"] == ops.id
    assert (done.data["command"], done.data["outcome"]) == ("count", "done")
    args: Any = done.data["args"]
    assert args["number"] == 3
    assert "[redacted" in args["unit"]
    assert (refused.data["command"], refused.data["outcome"]) == ("lose", "refused")


async def test_what_was_begun_is_finished_before_the_bot_ends(workspace: Workspace, store: Postgres) -> None:
    ana = workspace.person("ana")
    ops = workspace.channel("ops", [ana])

    async with running_bot(workspace, store) as bot:
        bot.diary.hold = asyncio.Event()
        turn = await ana.command(ops, "/ops ping")
        asyncio.get_running_loop().call_later(0.2, bot.diary.hold.set)

    assert [reply.plain() for reply in turn.replies()] == ["pong"]


async def test_a_result_that_cannot_be_shown_is_a_bug_with_a_reference(
    workspace: Workspace, slack_bot: SlackBot
) -> None:
    with capture_logs() as logs:
        text = await said(workspace, "/ops botch")

    (entry,) = [entry for entry in logs if entry["event"] == "request.failed"]
    assert entry["reference"] in text


async def test_a_store_that_fails_is_told_and_the_command_is_not_run(
    workspace: Workspace, slack_bot: SlackBot, refuse: Refuse
) -> None:
    await refuse("claims", times=1)

    with capture_logs():
        text = await said(workspace, "/ops ping")

    assert "The database" in text
    assert slack_bot.diary.entries == []


async def test_an_audit_row_that_cannot_be_stored_is_in_the_log(
    workspace: Workspace, slack_bot: SlackBot, refuse: Refuse
) -> None:
    await refuse("audit", times=1)

    with capture_logs() as logs:
        text = await said(workspace, "/ops ping")

    (entry,) = [entry for entry in logs if entry["event"] == "audit.lost"]
    assert (entry["command"], entry["outcome"]) == ("ping", "done")
    assert text == "pong"
