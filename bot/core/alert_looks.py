"""A look at a group of alerts that has changed: one soon, however often it changes until then."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.core.alerts import WATCH, Alert, GroupView, Level
from bot.core.records import Due, Unit

SHOW = "alerts.show"
"""The job that shows a group, with `group_id` as its argument."""

_JUST_OVER = timedelta(minutes=5)


async def look(tx: Unit, group_ids: Sequence[str], *, now: datetime) -> None:
    """Note that groups have changed, and have each shown."""
    for group in await tx.alerts.touch(group_ids, at=now):
        await tx.due.put(Due(SHOW, group.id, group.show_at or now, {"group_id": group.id}))


async def look_for(tx: Unit, key: str, *, now: datetime) -> None:
    """The same for the group of a watch's problem, also when that is just over and its message says so."""
    found = (await tx.alerts.groups([_named(key, now)], ended_after=now - _JUST_OVER)).values()
    ids = {group.id for group in found if group.message or not group.resolved_at}
    told = await view_of(tx, key, now=now)
    await look(tx, sorted(ids | ({told.group.id} if told else set())), now=now)


async def view_of(tx: Unit, key: str, *, now: datetime) -> GroupView | None:
    """The group in which a watch's problem fires: its own, or a storm's; None where it does not."""
    row = (await tx.alerts.latest([_named(key, now)])).get((WATCH, key))
    return await tx.alerts.view(row.group_id, now=now) if row and row.ended_at is None else None


def _named(key: str, now: datetime) -> Alert:
    return Alert(WATCH, key, key, key, title="", level=Level.INFO, firing=False, started_at=now)
