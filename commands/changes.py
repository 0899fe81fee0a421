"""What has changed lately: the first question of every incident."""

from __future__ import annotations

from datetime import timedelta

from bot.core.command import Command, Context, ServiceArgs
from bot.core.duration import format_duration
from bot.core.parse import option
from bot.core.people import AUTOMATIC
from bot.core.prose import Line, Person, When
from bot.core.records import Operation, Store
from bot.core.results import Table
from bot.incidents.recent import LOOKED_BACK, changed


class Since(ServiceArgs):
    """How far back."""

    last: timedelta | None = option(None, "How far back: 24h if not said.", alias="last")


async def changes(ctx: Context, args: Since, *, store: Store) -> Table:
    """List what changed the service lately, by time: deployments, leases with their ends, and every other operation."""
    last = args.last or LOOKED_BACK
    async with store.transaction() as tx:
        ran = await changed(tx, service=args.service, since=ctx.now - last)
    return Table(
        title=f"Changes of the last {format_duration(last)}",
        columns=("When", "What", "Service", "By", "Ended", "Why"),
        rows=tuple(_row(operation) for operation in ran),
        empty="Nothing was changed by me. What others changed by hand I see only in releases and maintenance show.",
    )


def _row(operation: Operation) -> tuple[Line, ...]:
    by: Line = "by itself" if operation.requester == AUTOMATIC.user_id else (Person(operation.requester),)
    at = operation.started_at or operation.proposed_at
    return (
        (When(at),),
        operation.plan.title,
        operation.service,
        by,
        operation.state.value,
        operation.reason or operation.automatic,
    )


COMMANDS = (Command(("changes",), Since, run=changes, examples=("", "2h")),)
