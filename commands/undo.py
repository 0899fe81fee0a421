"""Take a change back, or end what is not as it normally is."""

from __future__ import annotations

from pydantic import Field

from bot.core.command import Args, Command, Context
from bot.core.errors import NotFound
from bot.core.parse import by_prefix, option
from bot.core.people import Role
from bot.core.records import Lease, Operation, Store
from bot.core.results import Result, Text
from bot.operations.cards import can_be_undone
from bot.operations.engine import Engine


class What(Args):
    """Which one."""

    id: str = Field(
        "", description="Its id, or how that begins, as active and history show it; needed where there are several."
    )
    service: str = option("", "Only what concerns this service.")


async def undo(ctx: Context, args: What, *, store: Store, engine: Engine) -> Result:
    """Plan the way back of a change, or the end of what is not normal; you confirm the plan before it runs.

    Without an id it means what is active, and the last change that you asked for.
    """
    async with store.transaction() as tx:
        leases = await tx.leases.active(service=args.service)
        recent = await tx.operations.recent(service=args.service, limit=200)
    operations = [operation for operation in recent if can_be_undone(operation)]
    if not args.id:
        operations = [operation for operation in operations if operation.requester == ctx.actor.user_id][:1]
    changes: dict[str, Lease | Operation] = {lease.id: lease for lease in leases}
    changes |= {operation.id: operation for operation in operations}
    if not changes:
        raise NotFound("Nothing is active.", hint="To take back a change of before, give its id: history lists them.")
    chosen = changes[by_prefix({id_: _name(change) for id_, change in changes.items()}, args.id)]
    if isinstance(chosen, Lease):
        answer = await engine.leases.undo(ctx, chosen.id, show=False)
    else:
        answer = await engine.undo(ctx, chosen.id, show=False)
    return answer or Text((f"The plan to undo {_name(chosen)} is in the channel: confirm it there.",))


def _name(change: Lease | Operation) -> str:
    if isinstance(change, Lease):
        return f"{change.kind} of {change.service} ({change.owner})"
    return f"{change.plan.title} on {change.service}"


COMMANDS = (Command(("undo",), What, run=undo, role=Role.RESPONDER, rows=("G7",), examples=("", "3f2a")),)
