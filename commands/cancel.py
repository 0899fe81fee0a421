"""Stop a change that waits or runs."""

from __future__ import annotations

from pydantic import Field

from bot.core.command import Args, Command, Context
from bot.core.errors import NotFound
from bot.core.parse import by_prefix, option
from bot.core.people import Role
from bot.core.records import Store
from bot.core.results import Result, Text
from bot.operations.cards import OPEN
from bot.operations.engine import Engine


class What(Args):
    """Which one."""

    id: str = Field("", description="Its id, or how that begins, as history shows it; needed where there are several.")
    service: str = option("", "Only what concerns this service.")


async def cancel(ctx: Context, args: What, *, store: Store, engine: Engine) -> Result:
    """Stop a change: one that waits ends at once, one that runs ends its step first and is then put back.

    A plan that nobody has decided yet is dismissed.
    """
    async with store.transaction() as tx:
        running = await tx.operations.running()
        recent = await tx.operations.recent(service=args.service, limit=200)
    waiting = [operation for operation in recent if operation.plan_state in OPEN]
    there = {each.id: each for each in (*running, *waiting) if args.service in {"", each.service}}
    if not there:
        raise NotFound("Nothing waits or runs.", hint="To take back what is done, type undo.")
    chosen = there[by_prefix({each.id: f"{each.plan.title} on {each.service}" for each in there.values()}, args.id)]
    if chosen in waiting:
        return await engine.approval.dismiss(ctx, chosen.id)
    await engine.approval.cancel(ctx, chosen.id)
    return Text((f"{chosen.plan.title} on {chosen.service}: no further step is begun. Its card shows how it ends.",))


COMMANDS = (Command(("cancel",), What, run=cancel, role=Role.RESPONDER, examples=("", "3f2a")),)
