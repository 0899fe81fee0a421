"""End what is not as it normally is."""

from __future__ import annotations

from pydantic import Field

from bot.core.command import Args, Command, Context
from bot.core.errors import NotFound, UsageError
from bot.core.parse import option
from bot.core.people import Role
from bot.core.records import Lease, Store
from bot.core.results import Result, Text
from bot.operations.engine import Engine


class What(Args):
    """Which one."""

    id: str = Field("", description="Its id, or how that begins, as active shows it; needed where there are several.")
    service: str = option("", "Only what concerns this service.")


async def undo(ctx: Context, args: What, *, store: Store, engine: Engine) -> Result:
    """Plan the end of something that is not normal, such as maintenance; you confirm the plan before it runs."""
    async with store.transaction() as tx:
        leases = await tx.leases.active(service=args.service)
    lease = _pick(leases, args.id)
    answer = await engine.leases.undo(ctx, lease.id)
    return answer or Text((f"The plan to end {_name(lease)} is in the channel: confirm it there.",))


def _pick(leases: tuple[Lease, ...], wanted: str) -> Lease:
    found = [lease for lease in leases if lease.id.startswith(wanted.lower())]
    if len(found) == 1:
        return found[0]
    there = "; ".join(f"{lease.id[:8]}: {_name(lease)}" for lease in leases)
    if found:
        raise UsageError("Which one?", hint=f"There are: {there}.")
    raise NotFound(
        f'Nothing that is active has an id that begins with "{wanted}".' if leases else "Nothing is active.",
        hint=there and f"There are: {there}.",
    )


def _name(lease: Lease) -> str:
    return f"{lease.kind} of {lease.service} ({lease.owner})"


COMMANDS = (Command(("undo",), What, run=undo, role=Role.RESPONDER, rows=("G7",), examples=("", "3f2a")),)
