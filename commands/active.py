"""What is not as it normally is."""

from __future__ import annotations

from bot.core.command import Args, Command, Context
from bot.core.parse import option
from bot.core.parts import Button
from bot.core.prose import Code, Line, Person, When
from bot.core.records import Lease, Store
from bot.core.results import Table


class Filter(Args):
    """Of which service."""

    service: str = option("", "Only what concerns this service.")


async def active(_ctx: Context, args: Filter, *, store: Store) -> Table:
    """Show what is not normal just now, who holds it, why and until when; each can be ended from here."""
    async with store.transaction() as tx:
        leases = await tx.leases.active(service=args.service)
    return Table(
        title="Not as it normally is",
        columns=("Id", "What", "Service", "Held by", "Since", "Ends", "Why"),
        rows=tuple(_row(lease) for lease in leases),
        empty="Everything is as it normally is.",
        notes=("Undo with the button, or with undo and the id.",) if leases else (),
        buttons=tuple(Button(f"Undo {lease.kind} ({lease.owner})", "lease.undo", lease.id) for lease in leases),
    )


def _row(lease: Lease) -> tuple[Line, ...]:
    ends: Line = (When(lease.until),) if lease.until else "by hand only"
    holder: Line = (f"{lease.owner}, ", Person(lease.by))
    since: Line = (When(lease.since),)
    return ((Code(lease.id[:8]),), lease.kind, lease.service, holder, since, ends, lease.reason or "no reason given")


COMMANDS = (Command(("active",), Filter, run=active, rows=("G7",), examples=("",)),)
