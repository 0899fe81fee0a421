"""An incident from open to resolved; what Slack refuses on the way is said and stops nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.core.command import Context
from bot.core.errors import Conflict
from bot.core.incident_results import IncidentCard
from bot.core.incidents import Entry, Incident
from bot.core.plan import Json
from bot.core.ports import Chat
from bot.core.prose import Line, Person
from bot.core.records import Store, Unit
from bot.incidents.attempts import Attempts
from bot.incidents.backfills import begin_record
from bot.incidents.cards import incident_card
from bot.incidents.channel import create_channel, topic
from bot.incidents.rules import IncidentRules
from bot.incidents.severity import Severity

OPEN, RESOLVED = "open", "resolved"
"""States of an incident."""

DECLARED = "declared"
"""Kind of the entry that begins the timeline; `RESOLVED` is the kind of the one that ends it."""


async def declare(
    ctx: Context,
    *,
    severity: Severity,
    title: str,
    impact: str,
    store: Store,
    chat: Chat,
    rules: IncidentRules,
    private: bool = False,
    notes: Sequence[Line] = (),
) -> IncidentCard:
    """Record a new incident, then give it a channel with a topic, a pinned card and people.

    It stands in the channel where it was typed until it has its own, a private one in the direct messages of who
    declares it. `Conflict` for a second delivery of one request.
    """
    who = ctx.actor.user_id
    place = await chat.direct(who) if private else ctx.channel_id
    async with store.transaction() as tx:
        if ctx.trigger_id and not await tx.claims.claim(f"incident.open:{ctx.trigger_id}", at=ctx.now):
            raise Conflict("This incident has been declared already.")
        incident = await tx.incidents.declare(
            Incident(
                number=0,
                title=title,
                severity=severity,
                state=OPEN,
                channel=place,
                commander=who,
                opened_by=who,
                opened_at=ctx.now,
                impact=impact,
                private=private,
            )
        )
        text = f"Declared as {severity}: {title}"
        await tx.entries.add(Entry(f"{DECLARED}:{incident.number}", incident.number, ctx.now, who, DECLARED, text))
        await _audit(tx, ctx, incident)

    attempts = Attempts()
    channel = await attempts.to("create a channel", create_channel(incident, zone=rules.zone, chat=chat))
    if channel:
        incident = replace(incident, channel=channel)
        async with store.transaction() as tx:
            await tx.incidents.set_channel(incident.number, channel)
            await begin_record(tx, channel, since=ctx.now, now=ctx.now)
        await attempts.to("set the topic", chat.set_topic(channel, topic(incident)))
    card = await attempts.to("post the summary", chat.post(incident.channel, incident_card(incident, notes=notes)))
    if card:
        async with store.transaction() as tx:
            await tx.incidents.set_card(incident.number, card)
        await attempts.to("pin the summary", chat.pin(card))
    if channel:
        await _invite(incident, chat=chat, rules=rules, attempts=attempts)
    return incident_card(incident, notes=(*notes, *attempts.refused))


async def resolve(ctx: Context, incident: Incident, *, text: str, store: Store, chat: Chat) -> IncidentCard:
    """Record that the incident is over; its card says so, and its channel hears it."""
    who = ctx.actor.user_id
    async with store.transaction() as tx:
        if not await tx.incidents.resolve(incident.number, at=ctx.now, by=who):
            raise Conflict(f"Incident {incident.number} is resolved already.")
        await tx.entries.add(Entry(f"{RESOLVED}:{incident.number}", incident.number, ctx.now, who, RESOLVED, text))
        incident = await tx.incidents.get(incident.number)
        await _audit(tx, ctx, incident)

    attempts = Attempts()
    result = incident_card(incident, notes=(f"Resolution: {text}",) if text else ())
    if incident.card:
        await attempts.to("update the summary", chat.update(incident.card, result))
    if ctx.channel_id != incident.channel:
        await attempts.to("tell the incident's channel", chat.post(incident.channel, result))
    return replace(result, notes=(*result.notes, *attempts.refused))


async def _invite(incident: Incident, *, chat: Chat, rules: IncidentRules, attempts: Attempts) -> None:
    """Ask in whoever declared it and the responders, one by one: a refusal for one of them is none for the others."""
    people = [incident.opened_by]
    for responder in rules.responders:
        if responder.startswith("S"):
            people += await attempts.to("ask who is in a user group", chat.group_members(responder)) or ()
        else:
            people.append(responder)
    for user in dict.fromkeys(people):
        await attempts.to(("invite ", Person(user)), chat.invite(incident.channel, [user]))


async def _audit(tx: Unit, ctx: Context, incident: Incident) -> None:
    data: Json = {"incident": incident.number, "state": incident.state, "severity": incident.severity}
    await tx.audit.append(at=ctx.now, actor=ctx.actor.user_id, kind="incident", data=data)
