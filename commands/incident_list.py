"""Incidents side by side."""

from __future__ import annotations

from bot.core.command import Args, Command, Context, Root
from bot.core.incidents import Incident
from bot.core.parse import option
from bot.core.prose import Channel, Line, Person, When
from bot.core.records import Store
from bot.core.results import Table

_MOST = 50


class Listed(Args):
    """Which ones."""

    all: bool = option(default=False, description="Those that are over too, the newest first.")


async def list_incidents(_ctx: Context, args: Listed, *, store: Store) -> Table:
    """List the incidents that are open, and with --all those that are over; private ones are in no list."""
    async with store.transaction() as tx:
        incidents = await tx.incidents.past(limit=_MOST) if args.all else await tx.incidents.open()
    return Table(
        "Incidents" if args.all else "Open incidents",
        ("Number", "Severity", "State", "Title", "Channel", "Commander", "Since", "Resolved"),
        tuple(map(_row, incidents)),
        empty="No incident was declared yet." if args.all else "No incident is open.",
        notes=(f"Older ones than the last {_MOST} are left out.",) if len(incidents) == _MOST and args.all else (),
    )


def _row(incident: Incident) -> tuple[Line, ...]:
    return (
        str(incident.number),
        incident.severity,
        incident.state,
        incident.title,
        (Channel(incident.channel),),
        (Person(incident.commander),) if incident.commander else "nobody",
        (When(incident.opened_at, date=True),),
        (When(incident.resolved_at, date=True),) if incident.resolved_at else "",
    )


COMMANDS = (Command(("list",), Listed, run=list_incidents, root=Root.INCIDENT, examples=("", "--all")),)
