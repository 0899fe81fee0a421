"""What digests of before said of a check: the only past of a figure that the bot keeps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.core.fleet import Service
from bot.core.parts import State
from bot.core.records import Slot, Store
from bot.digests.schedules import Schedules

_LOOKED_BACK = 400
"""Postings of a schedule; one that comes each minute does not reach back to yesterday."""
_NEAR = timedelta(hours=12)


async def digests_of(service: Service, *, store: Store, schedules: Schedules) -> tuple[Slot, ...]:
    """The last postings that told of `service`."""
    async with store.transaction() as tx:
        wanted = [each.name for each in await schedules.known(tx) if each.service in {"", service.name}]
        found = [slot for name in wanted for slot in await tx.slots.recent(name, limit=_LOOKED_BACK)]
    return tuple(slot for slot in found if slot.checks)


def said_about(check: str, slots: Sequence[Slot], *, at: datetime) -> str:
    """What the posting nearest to `at` said of a check; empty when none near it knew."""
    known = [
        (abs(slot.due_at - at), each.value)
        for slot in slots
        for each in slot.checks
        if each.name == check and each.state is not State.UNKNOWN and abs(slot.due_at - at) <= _NEAR
    ]
    return min(known)[1] if known else ""
