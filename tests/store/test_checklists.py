from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.core.checklists import ChecklistRow, ItemRow
from bot.core.errors import Conflict, NotFound
from bot.core.results import ChecklistState
from bot.store.postgres import Postgres

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ROW = ChecklistRow("c1", "rotation", "gateway", "KEY", ChecklistState.OPEN, {"before": "1f"}, "C1", "U1", NOW)
ITEMS = (ItemRow("i1", "c1", 1, "made"), ItemRow("i2", "c1", 2, "written"))


async def test_a_checklist_comes_back_as_it_was_opened(store: Postgres) -> None:
    async with store.transaction() as tx:
        await tx.checklists.open(ROW, ITEMS)

    async with store.transaction() as tx:
        assert await tx.checklists.get("c1") == ROW
        assert await tx.checklists.items("c1") == ITEMS
        assert await tx.checklists.item("i2") == ITEMS[1]
        assert await tx.checklists.opened(kind="rotation", service="gateway") == (ROW,)
        with pytest.raises(NotFound):
            await tx.checklists.get("c2")
        with pytest.raises(NotFound):
            await tx.checklists.item("i3")


async def test_of_one_subject_one_is_open_and_another_may_follow(store: Postgres) -> None:
    second = replace(ROW, id="c2")
    async with store.transaction() as tx:
        await tx.checklists.open(ROW, ())
    with pytest.raises(Conflict):
        async with store.transaction() as tx:
            await tx.checklists.open(second, ())

    async with store.transaction() as tx:
        assert await tx.checklists.end("c1", ChecklistState.DONE, by="U1", at=NOW)
        assert not await tx.checklists.end("c1", ChecklistState.CANCELLED, by="U2", at=NOW)
        await tx.checklists.open(second, ())

    async with store.transaction() as tx:
        assert [row.id for row in await tx.checklists.opened(kind="rotation", service="gateway")] == ["c2"]


async def test_of_two_ticks_at_once_one_counts_and_none_on_a_closed_list(store: Postgres) -> None:
    async with store.transaction() as tx:
        await tx.checklists.open(ROW, ITEMS)

    async def tick(item: str, by: str) -> bool:
        async with store.transaction() as tx:
            return await tx.checklists.tick(item, by=by, at=NOW, evidence="")

    assert sorted(await asyncio.gather(tick("i1", "U1"), tick("i1", "U2"))) == [False, True]
    async with store.transaction() as tx:
        await tx.checklists.untick("i1")
        assert await tx.checklists.items("c1") == ITEMS
        await tx.checklists.end("c1", ChecklistState.CANCELLED, by="U1", at=NOW)
    assert not await tick("i2", "U1")
