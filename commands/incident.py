"""Run an incident: declare it, keep its timeline, resolve it."""

from __future__ import annotations

from dataclasses import replace

from pydantic import Field

from bot.core.command import Args, Command, Context, Root
from bot.core.contacts import Contact, Contacts
from bot.core.incident_results import IncidentCard, Timeline
from bot.core.incidents import Entry
from bot.core.parse import option, words
from bot.core.people import AUTOMATIC, Role
from bot.core.ports import Chat
from bot.core.prose import Channel, Line, Person, When
from bot.core.records import Store
from bot.core.results import Table
from bot.incidents.asking import Which
from bot.incidents.cards import incident_card
from bot.incidents.lifecycle import declare
from bot.incidents.lifecycle import resolve as resolve_incident
from bot.incidents.lookup import find_incident
from bot.incidents.rules import IncidentRules
from bot.incidents.severity import Severity
from bot.incidents.shown import read_chosen
from bot.incidents.timeline import NOTE, read_timeline


class Open(Args):
    """What an incident has from its first minute."""

    severity: Severity = Field(description="How bad it is.")
    title: str = words(..., "What is happening, in a few words.")
    impact: str = option("", "Who and how many are affected, as far as is known.")
    alert: str = option("", "Id of the alert that it is declared for: when that began goes into the timeline.")


class Shown(Which):
    """How much of the timeline."""

    everything: bool = option(default=False, description="All of it, not only what was chosen.", alias="all")


class Resolve(Which):
    """How it ended."""

    text: str = words("", "What ended it; the report's resolution begins with it.")


async def open_incident(ctx: Context, args: Open, *, store: Store, chat: Chat, rules: IncidentRules) -> IncidentCard:
    """Declare an incident: it gets a number, a channel, a pinned summary and people.

    What Slack refuses is said and stops nothing: without a channel of its own it lives where it was declared.
    """
    card = await declare(
        ctx, severity=args.severity, title=args.title, impact=args.impact, store=store, chat=chat, rules=rules
    )
    if args.alert:
        await _begin_with(args.alert, card.number, ctx, store=store)
    return card


async def _begin_with(alert: str, number: int, ctx: Context, *, store: Store) -> None:
    """Put into the timeline what the alert has told, at the time when it began."""
    async with store.transaction() as tx:
        view = await tx.alerts.view(alert, now=ctx.now)
        for row in view.worst:
            text = f"{view.group.title} began, as its alert says: {row.title}"
            await tx.entries.add(
                Entry(f"{NOTE}:{row.id}:{number}", number, row.started_at, AUTOMATIC.user_id, NOTE, text)
            )


async def open_private(
    ctx: Context, args: Open, *, store: Store, chat: Chat, rules: IncidentRules, contacts: Contacts
) -> IncidentCard:
    """Declare an incident that only those who are asked in learn of, as a break-in is.

    It has a private channel whose name says nothing, no place in any status, list or digest, and no other people than
    whoever declares it and the security contact.
    """
    security = tuple(
        each for each in contacts.entries if "security" in each.role.casefold() and not each.is_placeholder
    )
    known = tuple(each.contact for each in security if each.is_slack_user)
    return await declare(
        ctx,
        severity=args.severity,
        title=args.title,
        impact=args.impact,
        store=store,
        chat=chat,
        rules=replace(rules, responders=known),
        private=True,
        notes=tuple(_tell(each) for each in security)
        or ("No security contact is configured that anybody could reach.",),
    )


def _tell(contact: Contact) -> Line:
    if contact.is_slack_user:
        return (f"{contact.role}: ", Person(contact.contact), ", asked in.")
    return f"{contact.role}: tell {contact.contact}, whom Slack does not reach."


async def timeline(ctx: Context, args: Shown, *, store: Store, chat: Chat, rules: IncidentRules) -> Timeline:
    """Show what happened so far, oldest first: what matters of it, or all messages, notes and what the bot did."""
    incident = await find_incident(store, channel=ctx.channel_id, number=args.incident)
    if args.everything:
        return await read_timeline(incident, store=store, chat=chat)
    return await read_chosen(incident, store=store, chat=chat, zone=rules.zone)


async def resolve(ctx: Context, args: Resolve, *, store: Store, chat: Chat) -> IncidentCard:
    """Say that the incident is over, and what ended it."""
    incident = await find_incident(store, channel=ctx.channel_id, number=args.incident)
    return await resolve_incident(ctx, incident, text=args.text, store=store, chat=chat)


async def status(ctx: Context, args: Which, *, store: Store) -> IncidentCard:
    """Show the summary of an incident."""
    return incident_card(await find_incident(store, channel=ctx.channel_id, number=args.incident))


async def list_incidents(_ctx: Context, _args: Args, *, store: Store) -> Table:
    """List the incidents that are open."""
    async with store.transaction() as tx:
        incidents = await tx.incidents.open()
    return Table(
        "Open incidents",
        ("Number", "Severity", "Title", "Channel", "Commander", "Since"),
        tuple(
            (
                str(i.number),
                i.severity,
                i.title,
                (Channel(i.channel),),
                (Person(i.commander),),
                (When(i.opened_at, date=True),),
            )
            for i in incidents
        ),
        empty="No incident is open.",
    )


COMMANDS = (
    Command(
        ("open",),
        Open,
        run=open_incident,
        role=Role.RESPONDER,
        root=Root.INCIDENT,
        examples=("Critical Card payments fail", 'High Webhooks are late --impact "about 200 payments"'),
        public=True,
    ),
    Command(
        ("open", "private"),
        Open,
        run=open_private,
        role=Role.RESPONDER,
        root=Root.INCIDENT,
        rows=("I5",),
        examples=("Critical Keys of the provider were used from elsewhere",),
    ),
    Command(("timeline",), Shown, run=timeline, root=Root.INCIDENT, examples=("", "--all", "--incident 12")),
    Command(
        ("resolve",),
        Resolve,
        run=resolve,
        role=Role.RESPONDER,
        root=Root.INCIDENT,
        examples=("Provider recovered, maintenance mode is off",),
        public=True,
    ),
    Command(("status",), Which, run=status, root=Root.INCIDENT, examples=("", "--incident 12")),
    Command(("list",), Args, run=list_incidents, root=Root.INCIDENT),
)
