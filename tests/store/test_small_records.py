import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.core.errors import Fenced, NotFound
from bot.core.parts import State
from bot.core.ports import MessageRef
from bot.core.records import Pending, Slot
from bot.core.results import Check, Digest
from bot.store.postgres import Postgres

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=30)
SLOT = Slot("daily", "2026-03-02T09:00", NOW, "claimed")
PENDING = Pending("p1", "form", "U1", "C1", {"command": "incident open"}, NOW)


async def test_of_two_replicas_at_once_one_claims_a_slot(store: Postgres) -> None:
    async def claim() -> bool:
        async with store.transaction() as tx:
            return await tx.slots.claim(SLOT)

    assert sorted(await asyncio.gather(claim(), claim())) == [False, True]


async def test_a_slot_is_settled_with_what_was_posted(store: Postgres) -> None:
    checks = (Check("error rate", State.UNKNOWN, "?", evidence="no answer"),)
    shown = Digest("Health", State.UNKNOWN, "1 check: 1 unknown", NOW)

    async with store.transaction() as tx:
        assert await tx.slots.last("daily") is None
        await tx.slots.claim(replace(SLOT, slot="2026-03-01T09:00", due_at=NOW - timedelta(days=1)))
        await tx.slots.claim(SLOT)
        await tx.slots.settle("daily", SLOT.slot, state="posted", message=MessageRef("C1", "1.1"))
        claimed = await tx.slots.last("daily")
        assert claimed
        await tx.slots.show(claimed.id, shown, checks=checks)
        last = await tx.slots.last("daily")

    assert last
    assert last == replace(
        SLOT, id=last.id, state="posted", message=MessageRef("C1", "1.1"), checks=checks, shown=shown
    )


async def test_of_two_at_once_the_first_has_the_claim(store: Postgres) -> None:
    async def claim() -> bool:
        async with store.transaction() as tx:
            return await tx.claims.claim("trigger.1", at=NOW)

    assert sorted(await asyncio.gather(claim(), claim())) == [False, True]


async def test_many_keys_are_claimed_at_once_and_the_new_ones_named(store: Postgres) -> None:
    async with store.transaction() as tx:
        await tx.claims.claim("b", at=NOW)
        assert await tx.claims.claim_all(["c", "b", "a", "a"], at=NOW) == {"a", "c"}
        assert await tx.claims.taken("a")
        assert not await tx.claims.taken("d")


async def test_old_claims_are_forgotten(store: Postgres) -> None:
    async with store.transaction() as tx:
        await tx.claims.claim("old", at=LONG_AGO)
        await tx.claims.claim("new", at=NOW)
        await tx.claims.prune(before=NOW)
        assert [await tx.claims.taken(key) for key in ("old", "new")] == [False, True]


async def test_a_pending_row_is_used_once(store: Postgres) -> None:
    async with store.transaction() as tx:
        await tx.pending.put(PENDING)
        assert await tx.pending.get("p1") == PENDING
        assert [await tx.pending.use("p1") for _ in range(2)] == [True, False]
        assert await tx.pending.get("p1") == PENDING


async def test_a_pending_row_that_is_too_old_says_what_to_do(store: Postgres) -> None:
    async with store.transaction() as tx:
        await tx.pending.put(replace(PENDING, created_at=LONG_AGO))
        await tx.pending.prune(before=NOW)
        with pytest.raises(NotFound) as raised:
            await tx.pending.get("p1")

    assert raised.value.hint == "Start again with the command."


async def test_an_answer_is_remembered_for_as_long_as_is_asked(store: Postgres) -> None:
    async with store.transaction() as tx:
        await tx.remembered.put("group.S1", ["U1"], at=LONG_AGO)
        await tx.remembered.put("group.S1", ["U1", "U2"], at=NOW)
        fresh = await tx.remembered.get("group.S1", within=timedelta(hours=24), now=NOW + timedelta(hours=24))
        stale = await tx.remembered.get("group.S1", within=timedelta(hours=24), now=NOW + timedelta(hours=25))

    assert fresh == ["U1", "U2"]
    assert stale is None


async def test_who_takes_a_slot_fences_whoever_took_it_before(store: Postgres) -> None:
    async with store.transaction() as tx:
        await tx.slots.claim(SLOT)
        slot = await tx.slots.last("daily")
        assert slot
        first, second = await tx.slots.take(slot.id), await tx.slots.take(slot.id)
        await tx.slots.permit(slot.id, second)

    async with store.transaction() as tx:
        with pytest.raises(Fenced):
            await tx.slots.permit(slot.id, first)
        with pytest.raises(Fenced):
            await tx.slots.settle("daily", SLOT.slot, state="posted", message=None, epoch=first)
        with pytest.raises(Fenced):
            await tx.slots.take("gone")
