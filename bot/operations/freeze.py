"""A deploy freeze: while one is held, what changes releases and capacity takes a reason to go on."""

from __future__ import annotations

from bot.core.errors import Conflict
from bot.core.fleet import Service
from bot.core.prose import Bold, Line, Person
from bot.core.records import Store

KIND = "freeze"


async def heed_freeze(store: Store, service: Service, *, override: str) -> tuple[Line, ...]:
    """Warnings of the freezes that are overridden; `Conflict` names who holds one when there is no reason to."""
    async with store.transaction() as tx:
        held = await tx.leases.active(service=service.name, kind=KIND)
    if held and not override:
        lease = held[0]
        raise Conflict(
            f"{service.name} is frozen: {lease.reason or 'no reason given'}.",
            hint='active shows by whom. Go on with --override "why it cannot wait", or end it with freeze off.',
        )
    return tuple(
        (Bold("A freeze is overridden: "), f"{lease.reason or 'no reason given'} (held by ", Person(lease.by), ").")
        for lease in held
    )
