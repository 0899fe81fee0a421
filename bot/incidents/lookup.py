"""Which incident a command is about."""

from __future__ import annotations

from bot.core.errors import NotFound, UsageError
from bot.core.incidents import Incident
from bot.core.records import Store


async def find_incident(store: Store, *, channel: str, number: int = 0) -> Incident:
    """The incident of that number, else the one of the channel, else the only open one.

    One that is private is found in its own channel only: elsewhere there is none of its number.
    """
    async with store.transaction() as tx:
        if number:
            found = await tx.incidents.get(number)
            if found.private and found.channel != channel:
                raise NotFound(f"There is no incident {number}.")
            return found
        here = await tx.incidents.in_channel(channel)
        open_ones = await tx.incidents.open()
    if here:
        return here
    if not open_ones:
        raise NotFound("No incident is open.", hint="Name one that is over by its number: --incident NUMBER.")
    if len(open_ones) > 1:
        known = ", ".join(f"{incident.number} ({incident.title})" for incident in open_ones)
        raise UsageError("Which incident?", hint=f"Type it in its channel, or add --incident with one of: {known}.")
    return open_ones[0]
