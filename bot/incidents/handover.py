"""The written handover at the change of a shift: how it stands by the record, and what the one who leaves adds."""

from __future__ import annotations

from collections.abc import Sequence

from bot.core.command import Context
from bot.core.duration import format_duration
from bot.core.errors import Conflict
from bot.core.incident_acts import Duty
from bot.core.incidents import Incident
from bot.core.ports import Chat
from bot.core.posts import post_once
from bot.core.prose import Bold, Channel, Line, Person, When
from bot.core.records import Store, Unit
from bot.core.results import Text
from bot.incidents.acts import OPEN, change
from bot.incidents.cards import moments_of
from bot.incidents.duties import give
from bot.incidents.people import mention, with_people
from bot.incidents.recent import recent_changes

HANDOVER = "handover"
"""Kind of its entry."""


async def hand_over(ctx: Context, incident: Incident, *, text: str, to: str, store: Store, chat: Chat) -> Text:
    """Tell the summary in the incident's channel, and give command to `to`; `Conflict` when it is over."""
    if incident.state != OPEN:
        raise Conflict(f"Incident {incident.number} is {incident.state}: there is nothing to hand over.")
    if to and to != incident.commander:
        await give(ctx, incident, Duty.COMMANDER, to=to, handover=text, store=store, chat=chat, tell=False)
    whom = f" to {mention(to)}" if to else ""
    async with store.transaction() as tx:
        incident = await tx.incidents.get(incident.number)
        saved = await change(tx, ctx, incident, HANDOVER, f"Handover{whom}: {text}", tell=False)
        lines = await _summary(tx, ctx, saved, text=text, to=to)
    shown = Text(tuple(lines), title=f"Handover of incident {saved.number}: {saved.title}")
    entry = f"{HANDOVER}:{saved.number}:{saved.version}"
    message = await post_once(saved.channel, shown, key=entry, since=ctx.now, chat=chat)
    async with store.transaction() as tx:
        await tx.entries.set_message(entry, message)
    return Text((("The handover is in ", Channel(saved.channel), "."),))


async def _summary(tx: Unit, ctx: Context, incident: Incident, *, text: str, to: str) -> Sequence[Line]:
    led: tuple[Line, ...] = ((Person(to), ", you lead from now on."),) if to else ()
    lasts = format_duration(ctx.now - incident.opened_at)
    lines: list[Line] = [*led, (Person(ctx.actor.user_id), ": ", *with_people(text))]
    lines.append(f"{incident.severity}, open for {lasts}." + (f" Impact: {incident.impact}" if incident.impact else ""))
    held = [f"{duty.capitalize()}: {mention(getattr(incident, duty))}" for duty in Duty]
    lines.append(with_people(". ".join(held) + "."))
    lines += moments_of(incident, await tx.acts.told_moments(incident.number))
    if updates := await tx.acts.updates(incident.number, limit=3):
        lines.append((Bold("Last updates"),))
        lines += [(When(each.at), " ", Person(each.by), ": ", *with_people(each.text)) for each in updates]
    if changes := await recent_changes(tx, services=incident.services, now=ctx.now):
        lines += [(Bold("Changed in the last 24 hours"),), *changes]
    waiting = [page for page in await tx.acts.pages(incident.number) if not page.answered_at]
    lines += [("Not answered: the call for ", page.whom, " at ", When(page.at)) for page in waiting]
    if incident.update_due_at:
        lines.append(("The next update is due by ", When(incident.update_due_at), "."))
    return lines
