"""Which incident a command is about."""

from __future__ import annotations

import re

from bot.core.command import Context
from bot.core.errors import NotFound, UsageError
from bot.core.fleet import Fleet
from bot.core.incidents import Incident
from bot.core.records import Store
from bot.incidents.acts import RESOLVED

_LATELY = 20
"""How many of the last incidents are looked at for one that waits for its report."""


async def find_incident(store: Store, *, channel: str, number: int = 0) -> Incident:
    """The incident of that number, else the one of the channel, else the only open one, else the only unclosed one.

    One that is private is found in its own channel only: elsewhere there is none of its number.
    """
    async with store.transaction() as tx:
        if number:
            found = await tx.incidents.get(number)
            if found.private and found.channel != channel:
                raise NotFound(f"There is no incident {number}.")
            return found
        here = await tx.incidents.in_channel(channel)
        candidates = await tx.incidents.open()
        if not candidates:
            candidates = tuple(each for each in await tx.incidents.past(limit=_LATELY) if each.state == RESOLVED)
    if here:
        return here
    if not candidates:
        raise NotFound("No incident is open.", hint="Name one that is over by its number: --incident NUMBER.")
    if len(candidates) > 1:
        known = ", ".join(f"{incident.number} ({incident.title})" for incident in candidates)
        raise UsageError("Which incident?", hint=f"Type it in its channel, or add --incident with one of: {known}.")
    return candidates[0]


async def incident_of_row(ctx: Context, row_id: str, store: Store) -> Incident:
    """The incident that a button is about; a private one is known in its own channel only."""
    return await find_incident(store, channel=ctx.channel_id, number=int(row_id))


def services_of(typed: str, fleet: Fleet) -> tuple[str, ...]:
    """Names of services, with commas between them; `NotFound` for one that the bot does not look after."""
    names = dict.fromkeys(name for name in re.split(r"[,\s]+", typed) if name)
    return tuple(fleet.pick(name).name if fleet.services else name for name in names)
