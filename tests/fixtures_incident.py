"""An incident in a local Slack, about which two people talk; its record, its report and its action items."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from bot.core.clock import Clock, now
from bot.core.command import Root
from bot.core.contacts import Contacts
from bot.core.fleet import Fleet, Service
from bot.core.mail import Scrub
from bot.core.oncall import OnCall
from bot.core.people import Role
from bot.core.ports import Chat, Documents
from bot.core.records import Store
from bot.core.redact import Redactor
from bot.core.registry import Registry, bind
from bot.core.reports import Version
from bot.demo.workspace import Workspace
from bot.demo.workspace.person import Person
from bot.demo.workspace.records import Channel
from bot.demo.workspace.seen import Seen
from bot.incidents.jobs import incident_jobs
from bot.incidents.paging import Reach
from bot.incidents.publishing import Publisher
from bot.incidents.rules import IncidentRules
from bot.jobs.due import sweep
from bot.slack.link import Link
from bot.slack.people import Roles
from bot.store.postgres import Postgres
from bot.views import Templates
from tests.fixtures_slack import SECRET, SlackBot, running_bot
from tests.waiting import until

if TYPE_CHECKING:
    from tests.conftest import Deferred

_ALL = Registry.discover()
COMMANDS = tuple(command for command in _ALL.commands.values() if command.root is Root.INCIDENT)
CLICKS = tuple(_ALL.clicks.values())


FLEET = Fleet((Service("gateway", "test", "local", {}),))


def incident_ports(link: Link, store: Postgres, rules: IncidentRules) -> dict[type, object]:
    """What the commands of the incident family ask for."""
    contacts, scrub = Contacts(), Scrub(Redactor([SECRET]).redact)
    return {
        Store: store,
        Documents: Templates(),
        IncidentRules: rules,
        Contacts: contacts,
        Fleet: FLEET,
        Scrub: scrub,
        Reach: Reach(OnCall(), contacts, FLEET, link.chat),
        Publisher: Publisher(store, link.chat, Templates(), FLEET, rules, scrub),
    }


async def do_jobs(bot: SlackBot, ports: Mapping[type, object], deferred: Deferred, *, clock: Clock = now) -> None:
    """Do what is due, and the jobs of incidents that wait, as a worker would."""
    await sweep(bot.store, now=clock())
    handlers = bind(incident_jobs, {**ports, Chat: bot.link.chat})(clock)
    while deferred.jobs:
        job = deferred.jobs.pop(0)
        if job.task in handlers:
            await handlers[job.task](**job.args)


@dataclass(slots=True)
class Room:
    """An incident of Ana's and Ben's, about which they talk."""

    workspace: Workspace
    bot: SlackBot
    ana: Person
    ben: Person
    channel: Channel
    rules: IncidentRules
    deferred: Deferred

    async def later(self, by: timedelta) -> None:
        """Do what is due by then, as a worker would."""
        ports = incident_ports(self.bot.link, self.bot.store, self.rules)
        await do_jobs(self.bot, ports, self.deferred, clock=lambda: now() + by)

    async def hear(self, who: Person, text: str) -> Seen:
        """Say something, and wait until it is in the record."""
        said = await who.say(self.channel, text)
        await until(lambda: self._recorded(text))
        return said

    async def _recorded(self, text: str) -> bool:
        async with self.bot.store.transaction() as tx:
            return text in [message.text for message in await tx.messages.of_channel(self.channel.id)]

    async def command(self, line: str, *, who: Person | None = None) -> Seen:
        """Type a command of the incident family and wait for its answer."""
        return await (await (who or self.ana).command(self.channel, f"/incident {line}")).reply(30)

    async def work(self) -> None:
        """Do the jobs of incidents that wait."""
        await do_jobs(self.bot, incident_ports(self.bot.link, self.bot.store, IncidentRules()), self.deferred)

    def pages(self) -> dict[str, Seen]:
        """The messages of the report by the sections that they show, as all see them now."""
        seen = [each for each in self.ben.sees(self.channel) if "Incident Report 1" in each.plain()]
        names = ("Summary:", "Timeline:", "Root Cause:", "Action Items:")
        return {name[:-1]: each for each in seen for name in names if name in each.plain()}

    async def version(self) -> Version:
        async with self.bot.store.transaction() as tx:
            last = await tx.reports.get(1)
        assert last
        return last

    async def shows(self, page: str, text: str) -> Seen:
        """The page once it says so."""
        await until(lambda: page in self.pages() and text in self.pages()[page].plain())
        return self.pages()[page]


@pytest.fixture
def incident_rules(workspace: Workspace) -> IncidentRules:
    return IncidentRules(
        responders=(workspace.person("ben").id,), zone="Europe/Berlin", reports=workspace.channel("reports", []).id
    )


@pytest.fixture
async def incident_bot(workspace: Workspace, store: Postgres, incident_rules: IncidentRules) -> AsyncIterator[SlackBot]:
    async with running_bot(
        workspace,
        store,
        roles=Roles(default=Role.RESPONDER),
        commands=COMMANDS,
        clicks=CLICKS,
        ports=lambda link: incident_ports(link, store, incident_rules),
    ) as bot:
        yield bot


@pytest.fixture
async def room(workspace: Workspace, incident_bot: SlackBot, incident_rules: IncidentRules, deferred: Deferred) -> Room:
    ana, ben = workspace.person("ana", tz="Europe/Berlin"), workspace.person("ben")
    ops = workspace.channel("ops", [ana, ben])
    await ana.command(ops, '/incident open Critical Card payments fail --impact "200 payments"')
    await ben.wait_for(ops, "Card payments fail")
    async with incident_bot.store.transaction() as tx:
        channel = workspace.core.store.channels[(await tx.incidents.get(1)).channel]
    return Room(workspace, incident_bot, ana, ben, channel, incident_rules, deferred)
