"""The timeline of an incident."""

from __future__ import annotations

from bot.core.command import Command, Context, Root
from bot.core.incident_results import Timeline
from bot.core.parse import option
from bot.core.ports import Chat
from bot.core.records import Store
from bot.incidents.asking import Which
from bot.incidents.lookup import find_incident
from bot.incidents.notes import zone_of
from bot.incidents.rules import IncidentRules
from bot.incidents.shown import read_chosen
from bot.incidents.timeline import read_timeline


class Shown(Which):
    """How much of the timeline."""

    everything: bool = option(default=False, description="All of it, not only what was chosen.", alias="all")


async def timeline(ctx: Context, args: Shown, *, store: Store, chat: Chat, rules: IncidentRules) -> Timeline:
    """Show what happened so far, oldest first: what matters of it, or all messages, notes and what the bot did."""
    incident = await find_incident(store, channel=ctx.channel_id, number=args.incident)
    reader = await zone_of(ctx, chat=chat, zone=rules.zone)
    if args.everything:
        return await read_timeline(incident, store=store, chat=chat, zone=reader)
    return await read_chosen(incident, store=store, chat=chat, zone=rules.zone, reader=reader, mark=rules.mark)


COMMANDS = (Command(("timeline",), Shown, run=timeline, root=Root.INCIDENT, examples=("", "--all", "--incident 12")),)
