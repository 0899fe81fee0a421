"""An incident from open to closed: how bad it is, what it is about, when what happened, how it ended."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bot.core.command import Context
from bot.core.duration import format_duration
from bot.core.errors import Conflict, UsageError
from bot.core.incident_acts import Cycle, MomentKind, ToldMoment
from bot.core.incidents import Incident
from bot.core.records import Store, Unit
from bot.incidents.acts import CLOSED, EDITED, OPEN, REOPENED, RESOLVED, SEVERITY, change
from bot.incidents.measured import measure_at_once
from bot.incidents.missing import missing
from bot.incidents.paging import Alarm, raise_alarm, stand_down
from bot.incidents.reminders import Remind, drop_reminders, put_reminder
from bot.incidents.rules import IncidentRules
from bot.incidents.severity import Severity


async def change_severity(
    ctx: Context,
    incident: Incident,
    severity: Severity,
    *,
    reason: str,
    store: Store,
    rules: IncidentRules,
    alarm: Alarm | None = None,
) -> str:
    """Say how bad it is now, and hear what was said in the words of the timeline; `alarm` pages with it."""
    text = f"Severity {incident.severity} → {severity}" + (f": {reason}" if reason else "")
    async with store.transaction() as tx:
        if incident.severity == severity:
            raise Conflict(f"Incident {incident.number} is {severity} already.")
        due = next_update(severity, rules, ctx.now) if incident.state == OPEN else None
        changed = replace(incident, severity=severity, update_due_at=_sooner(incident.update_due_at, due))
        saved = await change(tx, ctx, changed, SEVERITY, text)
        await _mind_update(tx, saved)
        if alarm:
            await raise_alarm(tx, ctx, saved, alarm, rules=rules)
    return text


async def tell_moment(ctx: Context, incident: Incident, kind: MomentKind, at: datetime, *, store: Store) -> str:
    """Keep a moment as somebody told it; the answer is in the words of the timeline, with the former one."""
    if kind is MomentKind.RESOLVED and incident.resolved_at is None:
        raise UsageError("It is not resolved yet.", hint="resolve --at 14:05 says that it is, and since when.")
    async with store.transaction() as tx:
        await _refuse_disorder(tx, incident, kind, at)
        moment = ToldMoment(incident.number, incident.cycle, kind, at, ctx.actor.user_id, ctx.now)
        former = await tx.acts.tell_moment(moment)
        text = f"{kind.capitalize()} at {_clock(at)}" + (f", not at {_clock(former.at)}" if former else "")
        await change(tx, ctx, incident, kind.value if kind is not MomentKind.RESOLVED else "moment", text)
    return text


async def edit(
    ctx: Context, incident: Incident, *, title: str, impact: str, services: tuple[str, ...] | None, store: Store
) -> str:
    """Say anew what it is about; what is empty stays as it is."""
    changed = replace(
        incident,
        title=title or incident.title,
        impact=impact or incident.impact,
        services=incident.services if services is None else services,
    )
    said = [f"Title: {title}"] if changed.title != incident.title else []
    said += [f"Impact: {impact}"] if changed.impact != incident.impact else []
    said += [f"Services: {', '.join(changed.services) or 'none'}"] if changed.services != incident.services else []
    if not said:
        raise UsageError("That changes nothing.", hint="Give --title, --impact or --services with something new.")
    text = ". ".join(said)
    async with store.transaction() as tx:
        await change(tx, ctx, changed, EDITED, text)
    return text


async def resolve(
    ctx: Context, incident: Incident, *, text: str, at: datetime | None, store: Store, rules: IncidentRules
) -> Incident:
    """Say that it is over, and since when; `Conflict` when it is already."""
    if incident.state != OPEN:
        raise Conflict(f"Incident {incident.number} is resolved already.")
    who = ctx.actor.user_id
    async with store.transaction() as tx:
        if at:
            moment = ToldMoment(incident.number, incident.cycle, MomentKind.RESOLVED, at, who, ctx.now)
            await _refuse_disorder(tx, incident, MomentKind.RESOLVED, at)
            await tx.acts.tell_moment(moment)
        resolved = replace(incident, state=RESOLVED, resolved_at=at or ctx.now, resolved_by=who, update_due_at=None)
        saved = await change(tx, ctx, resolved, RESOLVED, text)
        cycle = await present_cycle(tx, incident)
        await tx.acts.put_cycle(replace(cycle, resolved_at=saved.resolved_at, resolved_by=who))
        await drop_reminders(tx, incident.number, Remind.UPDATE, Remind.ROLES)
        await put_reminder(tx, incident.number, Remind.REPORT, ctx.now + rules.report_within)
        await stand_down(tx, saved)
        await measure_at_once(tx, ctx.now)
    return saved


async def reopen(ctx: Context, incident: Incident, *, why: str, store: Store, rules: IncidentRules) -> Incident:
    """It is not over: the former cycle is kept, and another one begins."""
    if incident.state == OPEN:
        raise Conflict(f"Incident {incident.number} is open.")
    number = incident.number
    due = next_update(incident.severity, rules, ctx.now)
    again = replace(
        incident,
        state=OPEN,
        cycle=incident.cycle + 1,
        resolved_at=None,
        resolved_by="",
        closed_at=None,
        closed_by="",
        update_due_at=due,
    )
    async with store.transaction() as tx:
        saved = await change(tx, ctx, again, REOPENED, why)
        await tx.acts.put_cycle(Cycle(number, saved.cycle, ctx.now, ctx.actor.user_id, why))
        await drop_reminders(tx, number, Remind.REPORT)
        await _mind_update(tx, saved)
        await put_reminder(tx, number, Remind.ROLES, ctx.now + rules.roles_within)
    return saved


async def close(ctx: Context, incident: Incident, *, store: Store, tell: bool | None = None) -> Incident:
    """Put it away; `Conflict` says all that is missing."""
    if incident.state == CLOSED:
        raise Conflict(f"Incident {incident.number} is closed already.")
    async with store.transaction() as tx:
        if lacks := await missing(tx, incident):
            raise Conflict(f"Incident {incident.number} cannot be closed yet.", hint="\n".join(lacks))
        closed = replace(incident, state=CLOSED, closed_at=ctx.now, closed_by=ctx.actor.user_id)
        saved = await change(tx, ctx, closed, CLOSED, "Closed: nothing is missing.", tell=tell)
        await drop_reminders(tx, incident.number, Remind.REPORT)
    return saved


def next_update(severity: str, rules: IncidentRules, now: datetime) -> datetime | None:
    """When the next update is due by itself; None where none is."""
    every = rules.update_every.get(severity)
    return now + every if every else None


async def present_cycle(tx: Unit, incident: Incident) -> Cycle:
    """The cycle that it is in."""
    return (await tx.acts.cycles(incident.number))[-1]


async def _mind_update(tx: Unit, incident: Incident) -> None:
    if incident.update_due_at:
        await put_reminder(tx, incident.number, Remind.UPDATE, incident.update_due_at)


def _sooner(one: datetime | None, other: datetime | None) -> datetime | None:
    return min(one, other) if one and other else one or other


async def _refuse_disorder(tx: Unit, incident: Incident, kind: MomentKind, at: datetime) -> None:
    """`UsageError` for a moment that people's other words do not allow: what starts has not been mitigated before."""
    order = list(MomentKind)
    for told in await tx.acts.told_moments(incident.number):
        if told.cycle != incident.cycle or told.kind is kind:
            continue
        before = order.index(told.kind) < order.index(kind)
        # It may be detected after it was mitigated: what ends by itself is often found out later.
        if {told.kind, kind} == {MomentKind.DETECTED, MomentKind.MITIGATED}:
            continue
        if (told.at > at) if before else (told.at < at):
            when = f"{told.kind} was told as {_clock(told.at)}"
            raise UsageError(f"It cannot be {kind} at {_clock(at)}: {when}.", hint="Tell the other moment anew first.")


def _clock(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def lasted(incident: Incident) -> str:
    """How long it was known of, as far as it is over."""
    return format_duration(incident.resolved_at - incident.opened_at) if incident.resolved_at else ""
