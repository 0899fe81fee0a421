"""How an incident stands: severity, moments, resolved, opened again, closed."""

from __future__ import annotations

from functools import partial

from pydantic import Field

from bot.core.command import Click, Command, Context, Filling, Root
from bot.core.errors import UsageError
from bot.core.incident_acts import MomentKind
from bot.core.incident_results import IncidentCard
from bot.core.parse import option, words
from bot.core.parts import Button, Style
from bot.core.people import Role
from bot.core.ports import Chat
from bot.core.prose import When
from bot.core.records import Store
from bot.core.results import Text
from bot.incidents import lifecycle
from bot.incidents.acts import OPEN, said
from bot.incidents.asking import Which
from bot.incidents.cards import read_card
from bot.incidents.lookup import find_incident, incident_of_row, services_of
from bot.incidents.notes import moment_of
from bot.incidents.pages import ANEW
from bot.incidents.paging import Reach
from bot.incidents.rules import IncidentRules
from bot.incidents.severity import Severity


class HowBad(Which):
    """Another severity."""

    severity: Severity = Field(description="How bad it is now.")
    reason: str = words("", "Why, for the timeline.", prose=True)


class Edited(Which):
    """What it is about; what is left out stays as it is."""

    title: str = option("", "What is happening, in a few words.", prose=True)
    impact: str = option("", "Who and how many are affected.", prose=True)
    services: str = option("", "Services that it is about, with commas between them.")


class At(Which):
    """A moment that is most often now."""

    at: str = words("", "When, in your time zone: 14:05, 2026-11-22 14:05, or 10m for ten minutes ago.")


class Told(Which):
    """One of the four moments."""

    moment: MomentKind = Field(description="Which moment.")
    at: str = words(..., "When, in your time zone: 14:05, 2026-11-22 14:05, or 10m for ten minutes ago.")


class Ended(Which):
    """How it ended."""

    text: str = words("", "What ended it; the report's resolution begins with it.", prose=True)
    at: str = option("", "When it was over, in your time zone, if that was earlier: 14:05.")


class Again(Which):
    """Why it is not over."""

    why: str = words(..., "What is seen again.", prose=True)


async def status(ctx: Context, args: Which, *, store: Store) -> IncidentCard:
    """Show the summary of an incident, with buttons for what can be done next."""
    incident = await find_incident(store, channel=ctx.channel_id, number=args.incident)
    async with store.transaction() as tx:
        return await read_card(tx, incident)


async def severity(ctx: Context, args: HowBad, *, store: Store, rules: IncidentRules, reach: Reach) -> Text:
    """Say how bad it is now, and why.

    The next update is due as soon as the new severity asks for it. One that becomes Critical calls whoever is on call,
    where that is configured.
    """
    incident = await find_incident(store, channel=ctx.channel_id, number=args.incident)
    alarm = None
    if args.severity is Severity.CRITICAL and rules.page_critical and not incident.private:
        alarm = await reach.on_call_now(ctx, incident.services)
    text = await lifecycle.change_severity(
        ctx, incident, args.severity, reason=args.reason, store=store, rules=rules, alarm=alarm
    )
    return Text((said(ctx.actor.user_id, text),))


async def edit(ctx: Context, args: Edited, *, store: Store, reach: Reach) -> Text:
    """Say anew what it is about: title, impact, services."""
    incident = await find_incident(store, channel=ctx.channel_id, number=args.incident)
    services = services_of(args.services, reach.fleet) if args.services else None
    text = await lifecycle.edit(ctx, incident, title=args.title, impact=args.impact, services=services, store=store)
    return Text((said(ctx.actor.user_id, text),))


async def moment(ctx: Context, args: Told, *, store: Store, chat: Chat, rules: IncidentRules) -> Text:
    """Say when it started, was detected, was mitigated, or was resolved.

    What a person says wins over what is read from the conversation; the last word counts, and the timeline keeps all.
    """
    return await _tell(ctx, args, args.moment, args.at, store=store, chat=chat, rules=rules)


async def mitigated(ctx: Context, args: At, *, store: Store, chat: Chat, rules: IncidentRules) -> Text:
    """Say that nobody is affected any more, now or since a moment; it stays open until it is resolved."""
    return await _tell(ctx, args, MomentKind.MITIGATED, args.at, store=store, chat=chat, rules=rules)


async def _tell(
    ctx: Context, args: Which, kind: MomentKind, typed: str, *, store: Store, chat: Chat, rules: IncidentRules
) -> Text:
    incident = await find_incident(store, channel=ctx.channel_id, number=args.incident)
    at = await moment_of(ctx, typed, chat=chat, zone=rules.zone)
    text = await lifecycle.tell_moment(ctx, incident, kind, at, store=store)
    return Text((said(ctx.actor.user_id, text), ("In your time: ", When(at, date=True))))


async def resolve(ctx: Context, args: Ended, *, store: Store, chat: Chat, rules: IncidentRules) -> Text:
    """Say that the incident is over, and what ended it."""
    incident = await find_incident(store, channel=ctx.channel_id, number=args.incident)
    at = await moment_of(ctx, args.at, chat=chat, zone=rules.zone) if args.at else None
    resolved = await lifecycle.resolve(ctx, incident, text=args.text, at=at, store=store, rules=rules)
    row = str(resolved.number)
    return Text(
        (
            said(ctx.actor.user_id, f"Resolved after {lifecycle.lasted(resolved)}."),
            *((f"Resolution: {args.text}",) if args.text else ()),
        ),
        title=f"Incident {resolved.number} is resolved",
        buttons=(
            Button("Draft the report", ANEW, row, Style.PRIMARY),
            Button("Reopen", "incident.reopen", row),
        ),
    )


async def reopen(ctx: Context, args: Again, *, store: Store, rules: IncidentRules) -> Text:
    """Say that it is not over; what was so far is kept as its former cycle."""
    incident = await find_incident(store, channel=ctx.channel_id, number=args.incident)
    again = await lifecycle.reopen(ctx, incident, why=args.why, store=store, rules=rules)
    line = said(ctx.actor.user_id, args.why)
    return Text((line,), title=f"Incident {again.number} is open again, in cycle {again.cycle}")


async def close(ctx: Context, args: Which, *, store: Store) -> Text:
    """Put a resolved incident away; refused, with what is missing, until it has an impact and a report."""
    incident = await find_incident(store, channel=ctx.channel_id, number=args.incident)
    closed = await lifecycle.close(ctx, incident, store=store)
    return Text((said(ctx.actor.user_id, "Nothing is missing."),), title=f"Incident {closed.number} is closed")


async def ask_severity(ctx: Context, row_id: str, *, store: Store) -> Filling:
    """Ask for another severity."""
    incident = await incident_of_row(ctx, row_id, store)
    return Filling((Root.INCIDENT, "severity"), given={"severity": incident.severity}, kept={"incident": row_id})


async def ask_edit(ctx: Context, row_id: str, *, store: Store) -> Filling:
    """Ask what it is about, with what is known."""
    incident = await incident_of_row(ctx, row_id, store)
    given = {"title": incident.title, "impact": incident.impact, "services": ", ".join(incident.services)}
    return Filling((Root.INCIDENT, "edit"), given=given, kept={"incident": row_id})


async def ask_mitigated(ctx: Context, row_id: str, *, store: Store) -> Filling:
    """Ask since when."""
    await incident_of_row(ctx, row_id, store)
    return Filling((Root.INCIDENT, "mitigated"), kept={"incident": row_id})


async def ask_resolve(ctx: Context, row_id: str, *, store: Store) -> Filling:
    """Ask what ended it."""
    incident = await incident_of_row(ctx, row_id, store)
    if incident.state != OPEN:
        raise UsageError(f"Incident {incident.number} is {incident.state} already.")
    return Filling((Root.INCIDENT, "resolve"), kept={"incident": row_id})


async def ask_reopen(ctx: Context, row_id: str, *, store: Store) -> Filling:
    """Ask what is seen again."""
    await incident_of_row(ctx, row_id, store)
    return Filling((Root.INCIDENT, "reopen"), kept={"incident": row_id})


async def click_close(ctx: Context, row_id: str, *, store: Store) -> IncidentCard:
    """Close it from its card."""
    incident = await incident_of_row(ctx, row_id, store)
    closed = await lifecycle.close(ctx, incident, store=store, tell=True)
    async with store.transaction() as tx:
        return await read_card(tx, closed)


_command = partial(Command, role=Role.RESPONDER, root=Root.INCIDENT, public=True)

COMMANDS = (
    Command(("status",), Which, run=status, root=Root.INCIDENT, examples=("", "--incident 12")),
    _command(("severity",), HowBad, run=severity, examples=("Critical all cards fail now", "low")),
    _command(("edit",), Edited, run=edit, examples=('--impact "about 200 payments"',)),
    _command(("moment",), Told, run=moment, examples=("started 13:50", "detected 13:58")),
    _command(("mitigated",), At, run=mitigated, examples=("", "14:20", "10m")),
    _command(
        ("resolve",),
        Ended,
        run=resolve,
        examples=("Provider recovered, maintenance mode is off", "Rolled back --at 14:40"),
    ),
    _command(("reopen",), Again, run=reopen, examples=("Webhooks are late again",)),
    _command(("close",), Which, run=close, examples=("", "--incident 12")),
)
CLICKS = (
    Click("incident.severity", ask_severity, role=Role.RESPONDER),
    Click("incident.edit", ask_edit, role=Role.RESPONDER),
    Click("incident.mitigated", ask_mitigated, role=Role.RESPONDER),
    Click("incident.resolve", ask_resolve, role=Role.RESPONDER),
    Click("incident.reopen", ask_reopen, role=Role.RESPONDER),
    Click("incident.close", click_close, role=Role.RESPONDER),
)
