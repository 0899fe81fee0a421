"""A desk at which people run incidents: commands are typed and clicked as people do, and what is due is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from bot.core.command import Command, Context, Filling
from bot.core.contacts import Contact, Contacts
from bot.core.fleet import Fleet, Service
from bot.core.incident_results import IncidentCard
from bot.core.incidents import Entry, Incident
from bot.core.mail import Scrub
from bot.core.oncall import OnCall
from bot.core.parse import parse
from bot.core.people import Actor, Role
from bot.core.ports import Chat, Documents, Profile
from bot.core.records import Store
from bot.core.registry import Registry, bind
from bot.core.results import Result, Text
from bot.incidents.jobs import incident_jobs
from bot.incidents.paging import Reach
from bot.incidents.publishing import Publisher
from bot.incidents.rules import IncidentRules
from bot.jobs.due import sweep
from bot.store.postgres import Postgres
from bot.views import render
from bot.views.templates import Templates
from tests.conftest import Deferred, SetClock
from tests.fakes import FakeChat

ANA = Actor("U0ANA", "Ana", Role.RESPONDER)
BEN = Actor("U0BEN", "Ben", Role.RESPONDER)
RULES = IncidentRules(responders=("U0BEN", "S0CALL"), zone="Europe/Berlin", runbook="https://wiki.example.com/runbook")
OWN = "C0NEW0"
CONTACTS = Contacts((Contact("Security", "U0SECURE"), Contact("Security desk", "+49 30 5550100")))


def fake_slack() -> FakeChat:
    """A Slack with Ana and Ben, and a guest."""
    people = {
        "U0ANA": Profile("U0ANA", "Ana", "T0", trusted=True, zone="America/New_York"),
        "U0BEN": Profile("U0BEN", "Ben", "T0", trusted=True),
        "U0GUEST": Profile("U0GUEST", "Guest", "T0", trusted=False),
    }
    return FakeChat(people=people, groups={"S0CALL": ("U0BEN", "U0CHI")})


@dataclass(slots=True)
class Desk:
    """Types incident commands and clicks buttons; `work` does the jobs that came of it."""

    store: Postgres
    chat: FakeChat
    clock: SetClock
    deferred: Deferred
    rules: IncidentRules = RULES
    contacts: Contacts = CONTACTS
    on_call: OnCall = field(default_factory=OnCall)
    services: tuple[Service, ...] = ()
    typed: int = 0
    registry: Registry = field(default_factory=Registry.discover)

    def ports(self) -> Mapping[type, object]:
        """What commands and jobs ask for."""
        fleet = Fleet(self.services)
        return {
            Store: self.store,
            Chat: self.chat,
            Documents: Templates(),
            IncidentRules: self.rules,
            Contacts: self.contacts,
            OnCall: self.on_call,
            Fleet: fleet,
            Reach: Reach(self.on_call, self.contacts, fleet, self.chat),
            Scrub: Scrub(lambda text: text),
            Registry: self.registry,
            Publisher: Publisher(self.store, self.chat, Templates(), fleet, self.rules, Scrub(lambda text: text)),
        }

    def _context(self, channel: str, actor: Actor, trigger: str = "") -> Context:
        self.typed += 1
        return Context(actor, channel, self.clock(), trigger_id=trigger or f"t{self.typed}")

    async def type(self, text: str, *, channel: str = "C0OPS", actor: Actor = ANA, trigger: str = "") -> Result:
        """What is typed after `/incident`."""
        return await self._run("/incident", text, self._context(channel, actor, trigger))

    async def type_ops(self, text: str, *, channel: str = "C0OPS", actor: Actor = ANA) -> Result:
        """What is typed after `/ops`."""
        return await self._run("/ops", text, self._context(channel, actor))

    async def _run(self, slash: str, text: str, ctx: Context) -> Result:
        asked = self.registry.resolve(slash, text)
        command = getattr(asked, "command", None)
        assert isinstance(command, Command)
        assert command.run
        return await bind(command.run, self.ports())(ctx, parse(getattr(asked, "rest", ""), command.args))

    async def click(
        self, verb: str, row: str = "1", *, channel: str = OWN, actor: Actor = ANA
    ) -> Result | Filling | None:
        """A button."""
        return await bind(self.registry.clicks[verb].run, self.ports())(self._context(channel, actor), row)

    async def work(self) -> None:
        """Do every job of an incident that waits, and those that come of them."""
        await sweep(self.store, now=self.clock())
        handlers = bind(incident_jobs, self.ports())(self.clock)
        while self.deferred.jobs:
            job = self.deferred.jobs.pop(0)
            if job.task in handlers:
                await handlers[job.task](**job.args)

    async def later(self, by: timedelta) -> None:
        """Let time go on, and do what is due then."""
        self.clock.advance(by)
        await self.work()

    async def incident(self, number: int = 1) -> Incident:
        """One as it is stored."""
        async with self.store.transaction() as tx:
            return await tx.incidents.get(number)

    async def entries(self, kind: str = "", number: int = 1) -> list[Entry]:
        """The timeline's entries of one kind, or all."""
        async with self.store.transaction() as tx:
            return [each for each in await tx.entries.of_incident(number) if kind in {"", each.kind}]

    def card(self, channel: str = OWN) -> IncidentCard:
        """The card that is pinned in a channel, as it stands now."""
        (card,) = [self.chat.messages[pinned].result for pinned in self.chat.pinned if pinned.channel == channel]
        assert isinstance(card, IncidentCard)
        return card

    def told(self, channel: str = OWN) -> list[str]:
        """The texts of all that stands in a channel, in order, the card left out."""
        return [shown(result) for result in self.chat.posted(channel) if not isinstance(result, IncidentCard)]


def shown(result: object) -> str:
    """A result as people read it on a phone."""
    return render(result).text  # type: ignore[arg-type]  # a click may answer with nothing, which is a fault here


def text(result: object) -> Text:
    """A result that is prose."""
    assert isinstance(result, Text)
    return result
