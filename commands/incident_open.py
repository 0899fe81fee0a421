"""Declare an incident."""

from __future__ import annotations

from pydantic import Field

from bot.core.command import Args, Click, Command, Context, Filling, Root
from bot.core.contacts import Contacts
from bot.core.errors import UsageError
from bot.core.parse import option, words
from bot.core.people import Role
from bot.core.ports import Chat
from bot.core.records import Store
from bot.core.results import Text
from bot.incidents.lookup import services_of
from bot.incidents.notes import moment_of
from bot.incidents.opening import Declaration, declare
from bot.incidents.paging import Alarm, Reach
from bot.incidents.rules import IncidentRules
from bot.incidents.severity import Severity


class Described(Args):
    """What an incident has from its first minute."""

    severity: Severity = Field(description="How bad it is.")
    title: str = words(..., "What is happening, in a few words.", prose=True)
    impact: str = option("", "Who and how many are affected, as far as is known.", prose=True)
    services: str = option("", "Services that it is about, with commas between them.")


class Placed(Args):
    """Where it is run, and what it is declared for."""

    here: bool = option(default=False, description="Adopt the channel where this is typed, with what was said in it.")
    since: str = option("", "With --here: from when on its messages belong to the incident, as 30m or 14:05.")
    alert: str = option("", "Id of the alert that it is declared for: when that began goes into the timeline.")


class Open(Placed, Described):
    """What it is comes before where, in its form as well."""


async def open_incident(
    ctx: Context, args: Open, *, store: Store, chat: Chat, rules: IncidentRules, contacts: Contacts, reach: Reach
) -> Text:
    """Declare an incident: it gets a number, a channel, a pinned summary and people.

    What Slack refuses is said and stops nothing: without a channel of its own it lives where it was declared.
    """
    if args.since and not args.here:
        raise UsageError("--since goes with --here.", hint="A channel of its own has no messages from before.")
    said = Declaration(
        severity=args.severity,
        title=args.title,
        impact=args.impact,
        services=services_of(args.services, reach.fleet),
        here=args.here,
        alert=args.alert,
        recorded_from=await moment_of(ctx, args.since, chat=chat, zone=rules.zone) if args.here else None,
    )
    alarm: Alarm | None = None
    if said.severity is Severity.CRITICAL and rules.page_critical:
        alarm = await reach.on_call_now(ctx, said.services)
    return await declare(ctx, said, store=store, chat=chat, rules=rules, contacts=contacts, alarm=alarm)


async def open_private(
    ctx: Context, args: Described, *, store: Store, chat: Chat, rules: IncidentRules, contacts: Contacts, reach: Reach
) -> Text:
    """Declare an incident that only those who are asked in learn of, as a break-in is.

    It has a private channel whose name says nothing, no place in any status, list or digest, and no other people than
    whoever declares it and the security contact. It calls nobody by itself.
    """
    said = Declaration(
        severity=args.severity,
        title=args.title,
        impact=args.impact,
        services=services_of(args.services, reach.fleet),
        private=True,
    )
    return await declare(ctx, said, store=store, chat=chat, rules=rules, contacts=contacts)


async def ask(_ctx: Context, _row_id: str) -> Filling:
    """The form that a button on App Home opens."""
    return Filling((Root.INCIDENT, "open"), kept={"here": "false", "since": ""})


COMMANDS = (
    Command(
        ("open",),
        Open,
        run=open_incident,
        role=Role.RESPONDER,
        root=Root.INCIDENT,
        examples=(
            "Critical Card payments fail",
            'High Webhooks are late --impact "about 200 payments"',
            "High Webhooks are late --here --since 30m",
        ),
        public=True,
    ),
    Command(
        ("open", "private"),
        Described,
        run=open_private,
        role=Role.RESPONDER,
        root=Root.INCIDENT,
        rows=("I5",),
        examples=("Critical Keys of the provider were used from elsewhere",),
    ),
)
CLICKS = (Click("incident.open", ask, role=Role.RESPONDER),)
