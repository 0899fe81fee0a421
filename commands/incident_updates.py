"""Status updates of an incident, and the reminders that ask for them."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from bot.core.command import Click, Command, Context, Filling, Root
from bot.core.duration import format_duration
from bot.core.incident_results import IncidentUpdate
from bot.core.parse import option, words
from bot.core.people import Role
from bot.core.records import Store
from bot.core.results import Text
from bot.incidents.asking import Which
from bot.incidents.lookup import find_incident, incident_of_row
from bot.incidents.reminders import Remind, snooze
from bot.incidents.rules import IncidentRules
from bot.incidents.updates import decide, drop, propose, read_draft


class Stands(Which):
    """How it stands."""

    text: str = words(..., "What is known, what is being done, what customers can expect.", prose=True, lines=True)
    next: timedelta | None = option(None, "When the next update comes; what the severity asks for if not said.")


async def update(ctx: Context, args: Stands, *, store: Store, rules: IncidentRules) -> IncidentUpdate | Text:
    """Tell how it stands, in the incident's channel and, after a look at it, in the announcement channels.

    You are shown how it would read before anybody else sees it. A reminder comes when the next one is due.
    """
    incident = await find_incident(store, channel=ctx.channel_id, number=args.incident)
    return await propose(ctx, incident, text=args.text, next_in=args.next, store=store, rules=rules)


async def ask(ctx: Context, row_id: str, *, store: Store) -> Filling:
    """Ask how it stands."""
    await incident_of_row(ctx, row_id, store)
    return Filling((Root.INCIDENT, "update"), kept={"incident": row_id})


async def announce(ctx: Context, row_id: str, *, store: Store, rules: IncidentRules) -> Text:
    """Tell it everywhere."""
    return await decide(ctx, row_id, announce=True, store=store, rules=rules)


async def tell_here(ctx: Context, row_id: str, *, store: Store, rules: IncidentRules) -> Text:
    """Tell it in the incident's channel alone."""
    return await decide(ctx, row_id, announce=False, store=store, rules=rules)


async def change(ctx: Context, row_id: str, *, store: Store) -> Filling:
    """Ask again, with what was written."""
    draft, _ = await read_draft(ctx, row_id, store=store)
    given = {"text": draft.text} | ({"next": format_duration(draft.next_in)} if draft.next_in else {})
    return Filling((Root.INCIDENT, "update"), given=given, kept={"incident": str(draft.incident)})


async def forget(ctx: Context, row_id: str, *, store: Store) -> Text:
    """Drop it."""
    return await drop(ctx, row_id, store=store)


async def put_off(ctx: Context, row_id: str, what: Remind, *, store: Store) -> Text:
    """Ask later."""
    incident = await incident_of_row(ctx, row_id, store)
    return await snooze(ctx, incident.number, what, store=store)


async def put_off_update(ctx: Context, row_id: str, *, store: Store) -> Text:
    """Ask for an update later."""
    return await put_off(ctx, row_id, Remind.UPDATE, store=store)


async def put_off_roles(ctx: Context, row_id: str, *, store: Store) -> Text:
    """Ask for the roles later."""
    return await put_off(ctx, row_id, Remind.ROLES, store=store)


async def put_off_report(ctx: Context, row_id: str, *, store: Store) -> Text:
    """Ask for the report later."""
    return await put_off(ctx, row_id, Remind.REPORT, store=store)


COMMANDS = (
    Command(
        ("update",),
        Stands,
        run=update,
        role=Role.RESPONDER,
        root=Root.INCIDENT,
        examples=("Payments go through again, we watch the backlog", "The provider works on it --next 1h"),
    ),
)
_click = partial(Click, role=Role.RESPONDER)
CLICKS = (
    _click("incident.update", ask),
    _click("incident.update_announce", announce),
    _click("incident.update_here", tell_here),
    _click("incident.update_edit", change),
    _click("incident.update_drop", forget),
    _click(f"incident.snooze.{Remind.UPDATE}", put_off_update),
    _click(f"incident.snooze.{Remind.ROLES}", put_off_roles),
    _click(f"incident.snooze.{Remind.REPORT}", put_off_report),
)
