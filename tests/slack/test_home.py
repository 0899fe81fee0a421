from __future__ import annotations

from datetime import UTC, datetime, timedelta

from structlog.testing import capture_logs

from bot.core.incidents import Incident
from bot.core.people import Role
from bot.core.plan import Call
from bot.core.records import Lease
from bot.core.reports import Task
from bot.demo.workspace import Workspace
from bot.incidents.rules import IncidentRules
from bot.slack.people import Roles
from bot.store.postgres import Postgres
from tests.fixtures_incident import CLICKS, COMMANDS, incident_ports
from tests.fixtures_slack import SlackBot, running_bot, until

NOW = datetime.now(UTC)


async def test_app_home_shows_what_is_open_and_what_is_not_normal(workspace: Workspace, bot: SlackBot) -> None:
    ana = workspace.person("ana")
    ops = workspace.channel("ops", [ana])
    call = Call(("maintenance", "off"))
    async with bot.store.transaction() as tx:
        for lease_id, until in (("a", NOW + timedelta(hours=1)), ("b", None)):
            await tx.leases.open(
                Lease(
                    lease_id, "maintenance", "gateway", "gateway", lease_id, ana.id, "", ops.id, "op", call, NOW, until
                )
            )
        await tx.incidents.declare(Incident(1, "Payments fail", "High", "open", ops.id, ana.id, ana.id, NOW))
        await tx.incidents.declare(Incident(2, "No channel yet", "Low", "open", "", ana.id, ana.id, NOW))

    await ana.open_home()
    text = (await ana.wait_for_home()).plain()

    assert "maintenance of gateway" in text
    assert "until somebody ends it" in text
    assert "Payments fail" in text
    assert "#ops" in text
    assert "viewer" in text


async def test_app_home_says_when_nothing_is_changed_and_nothing_more(
    workspace: Workspace, slack_bot: SlackBot
) -> None:
    ana = workspace.person("ana")

    await ana.open_home()

    assert "No change runs, and I hold none that has to be put back." in (await ana.wait_for_home()).plain()


async def test_app_home_of_a_stranger_says_whom_to_ask_and_nothing_else(workspace: Workspace, store: Postgres) -> None:
    boss, ana = workspace.person("boss"), workspace.person("ana")

    async with running_bot(workspace, store, roles=Roles(users={boss.id: Role.ADMIN})) as bot:
        async with bot.store.transaction() as tx:
            await tx.incidents.declare(Incident(1, "Payments fail", "High", "open", "", ana.id, ana.id, NOW))
        await ana.open_home()
        text = (await ana.wait_for_home()).plain()

    assert "Ask @boss" in text
    assert "Payments fail" not in text


async def test_a_home_that_slack_does_not_take_is_in_the_log(workspace: Workspace, slack_bot: SlackBot) -> None:
    workspace.faults.fail("views.publish", "not_enabled")

    with capture_logs() as logs:
        await workspace.person("ana").open_home()
        await until(lambda: slack_bot.counted("failed") == 1)

    assert [entry["event"] for entry in logs] == ["home.not_shown"]


async def test_the_messages_tab_is_left_alone(workspace: Workspace, slack_bot: SlackBot) -> None:
    event = {"type": "app_home_opened", "user": workspace.person("ana").id, "tab": "messages"}
    payload = {"type": "event_callback", "api_app_id": workspace.app_id, "event": event}

    status, _ = await slack_bot.door.receive(payload, {})

    assert status == 200
    assert workspace.person("ana").home is None


async def test_app_home_offers_what_a_responder_does_most_and_shows_their_action_items(
    workspace: Workspace, store: Postgres
) -> None:
    ana, ben = workspace.person("ana"), workspace.person("ben")
    ops = workspace.channel("ops", [ana, ben])
    roles = Roles(default=Role.RESPONDER)
    ports = lambda link: incident_ports(link, store, IncidentRules())  # noqa: E731 - as the fixture takes it
    async with running_bot(workspace, store, roles=roles, commands=COMMANDS, clicks=CLICKS, ports=ports) as bot:
        async with bot.store.transaction() as tx:
            await tx.incidents.declare(Incident(1, "Payments fail", "High", "open", ops.id, ana.id, ana.id, NOW))
            await tx.incidents.declare(
                Incident(2, "Keys were stolen", "High", "open", "C0SECRET", ana.id, ana.id, NOW, private=True)
            )
            for number, words in ((1, "Add an alert"), (2, "Replace the keys")):
                await tx.tasks.add(Task(f"t{number}", number, 0, words, ana.id, (), ana.id, NOW))
        await ana.open_home()
        mine = await ana.wait_for_home("led by you")
        await ben.open_home()
        others = (await ben.wait_for_home("Payments fail")).plain()
        await ana.click(mine, "Update 1")
        await ana.submit(await ana.wait_for_modal(), {"Text": "we wait"})
        told = await ana.wait_for(ana.dm(), "Update of incident 1")
        await ana.click(mine, "Declare an incident")
        form = await ana.wait_for_modal()
        await ana.submit(form, {"Severity": "Low", "Title": "Dashboard is slow"})
        declared = await ana.wait_for(ana.dm(), "Dashboard is slow")

    assert "Add an alert (incident 1" in mine.plain()
    assert "Declare an incident" in others
    assert "Update 1" not in others
    assert "Add an alert" not in others
    assert not any(word in text for word in ("stolen", "Replace") for text in (mine.plain(), others))
    assert "It goes to #ops" in told.plain()
    assert "Incident 3 (Low)" in declared.plain()
