"""Who sees to what in an incident: taken, given, handed over with what the next one has to know."""

from __future__ import annotations

from dataclasses import replace

from bot.core.command import Context
from bot.core.errors import Conflict, IntegrationError, UsageError
from bot.core.incident_acts import Duty
from bot.core.incidents import Incident
from bot.core.ports import Chat
from bot.core.prose import Person
from bot.core.records import Store
from bot.incidents.acts import change
from bot.incidents.attempts import Attempts
from bot.incidents.people import mention


async def give(
    ctx: Context,
    incident: Incident,
    duty: Duty,
    *,
    to: str,
    handover: str,
    store: Store,
    chat: Chat,
    tell: bool | None = None,
) -> tuple[str, Attempts]:
    """Give a duty to a person, to nobody when `to` is empty: what was said of it, and what Slack refused.

    `UsageError` for a guest, a bot or somebody who has left; `Conflict` when nothing would change.
    """
    former = str(getattr(incident, duty))
    if to == former:
        raise Conflict(f"That is so already: {duty} is {'who you named' if to else 'nobody'}.")
    await _refuse_stranger(to, chat)
    if former:
        text = f"{duty.capitalize()}: {mention(former)} → {mention(to)}"
    else:
        text = f"{duty.capitalize()}: {mention(to)}"
    text += f". Handover: {handover}" if handover else ""
    acknowledged = incident.acknowledged_at or (ctx.now if to else None)
    changed = replace(_assigned(incident, duty, to), acknowledged_at=acknowledged)
    async with store.transaction() as tx:
        await change(tx, ctx, changed, "role", text, tell=tell)
    attempts = Attempts()
    if to and to != ctx.actor.user_id:
        await attempts.to(("invite ", Person(to)), _invite(incident.channel, to, chat))
    return text, attempts


def _assigned(incident: Incident, duty: Duty, to: str) -> Incident:
    match duty:
        case Duty.COMMANDER:
            return replace(incident, commander=to)
        case Duty.SCRIBE:
            return replace(incident, scribe=to)
        case Duty.COMMUNICATIONS:
            return replace(incident, communications=to)


async def _refuse_stranger(user: str, chat: Chat) -> None:
    """`UsageError` for who is no member; where Slack does not tell, people's word counts."""
    if not user:
        return
    try:
        profile = await chat.profile(user)
    except IntegrationError:
        return
    if not profile.trusted:
        raise UsageError(f"{profile.name} is no member of this workspace.", hint="Name somebody who is.")


async def _invite(channel: str, user: str, chat: Chat) -> None:
    try:
        await chat.invite(channel, [user])
    except IntegrationError as error:
        if error.hint != "already_in_channel":
            raise
