"""Checklists as they are stored: what was opened by whom, and which items are done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.core.plan import Json
from bot.core.results import ChecklistState


@dataclass(frozen=True, slots=True)
class ChecklistRow:
    """A checklist of one `kind` on one `subject` of a service; `data` is its kind's own."""

    id: str
    kind: str
    service: str
    subject: str
    state: ChecklistState
    data: Json
    channel: str
    opened_by: str
    opened_at: datetime
    ended_by: str = ""
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ItemRow:
    """One item; done once `done_at` is set, by the person `done_by`, or observed where that is empty.

    `owner` is who is to do it: a Slack id, or a name.
    """

    id: str
    checklist_id: str
    number: int
    name: str
    done_by: str = ""
    done_at: datetime | None = None
    evidence: str = ""
    owner: str = ""


class Checklists(Protocol):
    """Checklists; of one (kind, service, subject) at most one is open."""

    async def open(self, row: ChecklistRow, items: Sequence[ItemRow]) -> None:
        """Store it; `Conflict` when one is open already."""
        ...

    async def add(self, item: ItemRow) -> None:
        """Put one more into a checklist that is open."""
        ...

    async def get(self, checklist_id: str) -> ChecklistRow:
        """One checklist; `NotFound` when there is none."""
        ...

    async def opened(self, *, kind: str, service: str) -> tuple[ChecklistRow, ...]:
        """Those of one kind that are open, the oldest first."""
        ...

    async def items(self, checklist_id: str) -> tuple[ItemRow, ...]:
        """All of them, in their order."""
        ...

    async def item(self, item_id: str) -> ItemRow:
        """One item; `NotFound` when there is none."""
        ...

    async def tick(self, item_id: str, *, by: str, at: datetime, evidence: str) -> bool:
        """Compare and swap; False when it was done before, or its checklist is not open any more."""
        ...

    async def own(self, item_id: str, *, owner: str) -> None:
        """Say whose an item is."""
        ...

    async def untick(self, item_id: str) -> None:
        """What was observed is not so any more."""
        ...

    async def end(self, checklist_id: str, state: ChecklistState, *, by: str, at: datetime) -> bool:
        """Compare and swap from open; False when it was not."""
        ...
