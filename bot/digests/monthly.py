"""The monthly review: what people look through, each thing with an owner, carried over until it is done."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from uuid import uuid4
from zoneinfo import ZoneInfo

from bot.core.checklists import ChecklistRow, ItemRow
from bot.core.errors import Conflict, NotFound
from bot.core.incident_results import ActionItem, ActionItems
from bot.core.parts import Button
from bot.core.people import AUTOMATIC
from bot.core.prose import whom
from bot.core.records import Unit
from bot.core.results import ChecklistState
from bot.digests.edition import Order

KIND = "review"
TICK, TAKE, ASSIGN = "review.tick", "review.take", "review.assign"
"""Verbs of an item's buttons; the row is the item's."""

TITLES: Mapping[str, str] = MappingProxyType(
    {
        "incidents": "Review incident reports",
        "trends": "Analyze performance trends",
        "thresholds": "Update monitoring thresholds",
        "documentation": "Review and update documentation",
        "growth": "Plan capacity for growth",
        "security": "Security audit findings",
        "customers": "Customer feedback analysis",
        "cost": "Cost optimization review",
        "queries": "Analyze slow queries",
        "caching": "Review caching effectiveness",
        "resources": "Optimize resource usage",
    }
)
"""The runbook's checklist of the monthly review, then its monthly optimization."""


async def review_of(order: Order) -> tuple[ActionItems, datetime]:
    """The list of this month, begun if there is none, and when the next review is.

    What was not done of the list before is carried over to this one, with its owner.
    """
    month = f"{order.now.astimezone(ZoneInfo(order.schedule.zone)):%Y-%m}"
    async with order.store.transaction() as tx:
        row = await _begun(tx, order, month)
        items = await tx.checklists.items(row.id)
    _, coming = order.schedule.coming(after=order.now)
    return shown(row, items), coming


async def current(tx: Unit, service: str) -> tuple[ChecklistRow, tuple[ItemRow, ...]]:
    """The list that is worked on; `NotFound` before the first review."""
    rows = await tx.checklists.opened(kind=KIND, service=service)
    if not rows:
        raise NotFound(
            "There was no monthly review yet.", hint="digest add monthly 1st of the month 09:00 has it come."
        )
    return rows[-1], await tx.checklists.items(rows[-1].id)


async def tick(tx: Unit, item: ItemRow, *, by: str, at: datetime) -> None:
    """Say that something is done; `Conflict` when somebody has said so before."""
    if not await tx.checklists.tick(item.id, by=by, at=at, evidence=item.evidence):
        raise Conflict(f'"{TITLES[item.name]}" is done already, or its month is over.')


def shown(row: ChecklistRow, items: tuple[ItemRow, ...]) -> ActionItems:
    """The list as people see it."""
    return ActionItems(f"Monthly review of {row.service}, {row.subject}", tuple(_item(item) for item in items))


async def _begun(tx: Unit, order: Order, month: str) -> ChecklistRow:
    carried: dict[str, tuple[str, ItemRow]] = {}
    for old in await tx.checklists.opened(kind=KIND, service=order.service.name):
        if old.subject == month:
            return old
        items = await tx.checklists.items(old.id)
        for item in items:
            if item.done_at is None:
                carried[item.name] = (old.subject, item)
        state = ChecklistState.DONE if all(item.done_at for item in items) else ChecklistState.CANCELLED
        await tx.checklists.end(old.id, state, by=AUTOMATIC.user_id, at=order.now)
    row = ChecklistRow(
        id=uuid4().hex,
        kind=KIND,
        service=order.service.name,
        subject=month,
        state=ChecklistState.OPEN,
        data={},
        channel=order.schedule.channel,
        opened_by=AUTOMATIC.user_id,
        opened_at=order.now,
    )
    items = tuple(_fresh(row, number, name, carried.get(name)) for number, name in enumerate(TITLES, 1))
    await tx.checklists.open(row, items)
    return row


def _fresh(row: ChecklistRow, number: int, name: str, before: tuple[str, ItemRow] | None) -> ItemRow:
    """An item of a new month; `evidence` says since which month it is carried over."""
    if before is None:
        return ItemRow(uuid4().hex, row.id, number, name)
    month, item = before
    evidence = item.evidence or f"carried over since {month}"
    return ItemRow(uuid4().hex, row.id, number, name, evidence=evidence, owner=item.owner)


def _item(item: ItemRow) -> ActionItem:
    done = item.done_at is not None
    carried = f" ({item.evidence})" if item.evidence else ""
    take = [] if item.owner else [Button("I take it", TAKE, item.id)]
    buttons = () if done else (Button("Done", TICK, item.id), *take, Button("Assign", ASSIGN, item.id))
    return ActionItem(
        item.number,
        f"{TITLES[item.name]}{carried}",
        whom(item.owner),
        done=done,
        by=item.done_by,
        at=item.done_at,
        buttons=buttons,
    )
