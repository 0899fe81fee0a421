"""A look at a group of alerts that has changed: one soon, however often it changes until then."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.core.records import Due, Unit

SHOW = "alerts.show"
"""The job that shows a group, with `group_id` as its argument."""


async def look(tx: Unit, group_ids: Sequence[str], *, now: datetime) -> None:
    """Note that groups have changed, and have each shown."""
    for group in await tx.alerts.touch(group_ids, at=now):
        await tx.due.put(Due(SHOW, group.id, group.show_at or now, {"group_id": group.id}))


async def look_for(tx: Unit, key: str, *, now: datetime) -> None:
    """The same for the groups with that key of which something fires."""
    await look(tx, [view.group.id for view in await tx.alerts.firing(now=now) if view.group.key == key], now=now)
