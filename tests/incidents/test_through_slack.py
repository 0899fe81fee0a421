"""An incident from its declaration to its end, as people in the channel see it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from bot.core.people import Role
from bot.demo.workspace import Workspace
from bot.incidents.rules import IncidentRules
from bot.slack.people import Roles
from bot.store.postgres import Postgres
from tests.conftest import Deferred
from tests.fixtures_incident import CLICKS, COMMANDS, do_jobs, incident_ports
from tests.fixtures_slack import SlackBot, running_bot


@pytest.fixture
async def bot(workspace: Workspace, store: Postgres) -> AsyncIterator[SlackBot]:
    rules = IncidentRules(responders=(workspace.person("ben").id,), zone="Europe/Berlin")
    async with running_bot(
        workspace,
        store,
        roles=Roles(default=Role.RESPONDER),
        commands=COMMANDS,
        clicks=CLICKS,
        ports=lambda link: incident_ports(link, store, rules),
    ) as bot:
        yield bot


async def recorded(store: Postgres, channel: str, text: str) -> None:
    """Return when the record of the channel has a message that says `text`, as it stands now."""
    async with asyncio.timeout(5):
        while True:
            async with store.transaction() as tx:
                if text in [message.text for message in await tx.messages.of_channel(channel)]:
                    return
            await asyncio.sleep(0.02)


async def test_an_incident_is_run_from_declaration_to_its_end(
    workspace: Workspace, bot: SlackBot, deferred: Deferred
) -> None:
    ana, ben = workspace.person("ana", tz="Europe/Berlin"), workspace.person("ben")
    ops = workspace.channel("ops", [ana, ben])

    await ana.command(ops, '/incident open Critical Card payments fail --impact "200 payments"')
    told = await ben.wait_for(ops, "Card payments fail")
    async with bot.store.transaction() as tx:
        channel = workspace.core.store.channels[(await tx.incidents.get(1)).channel]
    (card,) = [message for message in ben.sees(channel) if message.pinned]
    first = await ben.say(channel, f"{ana.mention} the provider is donw")
    await ben.edit(first, "the provider is down")
    slip = await ana.say(channel, "my password is hunter2")
    await recorded(bot.store, channel.id, "my password is hunter2")
    await ana.delete(slip)
    await recorded(bot.store, channel.id, "the provider is down")
    await recorded(bot.store, channel.id, "")
    await ana.command(channel, "/incident note Status page is red")
    await ben.wait_for(channel, "Status page is red")
    timeline = (await (await ana.command(channel, "/incident timeline --all")).reply()).plain()
    await ben.command(channel, "/incident resolve Provider recovered")
    await ana.wait_for(channel, "Resolution: Provider recovered")
    await do_jobs(bot, incident_ports(bot.link, bot.store, IncidentRules()), deferred)

    assert channel.name.startswith("inc-1-")
    assert channel.name.endswith("-card-payments-fail")
    assert channel.name in told.plain()
    assert {ana.id, ben.id} <= set(channel.members)
    assert "200 payments" in card.plain()
    assert "resolved" in next(seen for seen in ana.sees(channel) if seen.ts == card.ts).plain()
    for line in ("ben: the provider is down (edited)", "ana: (deleted)", "ana: Status page is red"):
        assert line in timeline
    assert "hunter2" not in timeline
    assert "Opened" not in timeline  # the bot's own posts are no news


async def test_a_bare_open_asks_with_a_form(workspace: Workspace, bot: SlackBot) -> None:
    ana = workspace.person("ana")
    ops = workspace.channel("ops", [ana])

    await ana.command(ops, "/incident open")
    form = await ana.wait_for_modal()
    await ana.submit(form, {"Severity": "High", "Title": "Webhooks are late"})

    assert "High" in (await ana.wait_for(ops, "Webhooks are late")).plain()


async def test_without_the_scopes_for_channels_an_incident_is_declared_where_it_was_typed(
    workspace: Workspace, bot: SlackBot
) -> None:
    ana = workspace.person("ana")
    ops = workspace.channel("ops", [ana])
    workspace.scopes.difference_update({"channels:manage", "pins:write"})

    await ana.command(ops, "/incident open high Webhooks are late")
    told = await ana.wait_for(ops, "Could not create a channel: missing_scope.")

    assert "Could not pin the summary: missing_scope." in told.plain()


@pytest.mark.row("I5")
async def test_whoever_is_not_asked_into_a_private_incident_sees_nothing_of_it(
    workspace: Workspace, bot: SlackBot
) -> None:
    ana, ben = workspace.person("ana"), workspace.person("ben")
    ops = workspace.channel("ops", [ana, ben])

    await ana.command(ops, "/incident open private Critical Keys were stolen")
    await ana.wait_for(ops, "Keys were stolen")
    async with bot.store.transaction() as tx:
        channel = workspace.core.store.channels[(await tx.incidents.get(1)).channel]

    assert channel.private
    assert any("Keys were stolen" in seen.plain() for seen in ana.sees(channel))
    assert not any("stolen" in seen.plain() for seen in ben.sees(ops))
    assert ben.id not in channel.members
