from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.core.errors import NotFound
from bot.core.plan import Call
from bot.core.records import Due, Lease
from bot.store.postgres import Postgres

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SOON = NOW + timedelta(minutes=30)
LEASE = Lease(
    id="a",
    kind="maintenance",
    target="gateway",
    service="gateway",
    owner="ops",
    by="U1",
    reason="provider down",
    channel="C1",
    operation_id="op1",
    inverse=Call(("maintenance", "off"), {"service": "gateway"}),
    since=NOW,
    until=SOON,
)


async def open_leases(store: Postgres, *leases: Lease) -> None:
    async with store.transaction() as tx:
        for lease in leases:
            await tx.leases.open(lease)


async def test_a_lease_comes_back_as_it_was_opened(store: Postgres) -> None:
    await open_leases(store, LEASE)

    async with store.transaction() as tx:
        assert await tx.leases.get("a") == LEASE
        with pytest.raises(NotFound, match="no lease gone"):
            await tx.leases.get("gone")


async def test_a_lease_with_an_end_has_a_due_row_and_one_without_has_none(store: Postgres) -> None:
    await open_leases(store, LEASE, replace(LEASE, id="b", owner="security", until=None))

    async with store.transaction() as tx:
        assert await tx.due.take(now=SOON) == (Due("lease_end", "a", SOON, {"lease_id": "a"}),)


async def test_ending_a_lease_works_once_and_drops_its_due_row(store: Postgres) -> None:
    await open_leases(store, LEASE)

    async with store.transaction() as tx:
        ended = [await tx.leases.end("a", at=SOON, by="U2") for _ in range(2)]
        due = await tx.due.take(now=SOON)
        lease = await tx.leases.get("a")

    assert ended == [True, False]
    assert due == ()
    assert (lease.ended_at, lease.ended_by) == (SOON, "U2")


async def test_a_second_lease_of_the_same_holder_replaces_the_first(store: Postgres) -> None:
    later = replace(LEASE, id="b", since=SOON, until=SOON + timedelta(hours=1), by="U2")

    await open_leases(store, LEASE, later)

    async with store.transaction() as tx:
        assert await tx.leases.active() == (later,)
        assert (await tx.leases.get("a")).ended_at == SOON
        assert [due.key for due in await tx.due.take(now=SOON + timedelta(hours=2))] == ["b"]


async def test_open_leases_are_found_by_service_and_kind(store: Postgres) -> None:
    block = replace(LEASE, id="b", kind="block", target="203.0.113.9", service="ledger", since=SOON)
    await open_leases(store, LEASE, block)

    async with store.transaction() as tx:
        assert await tx.leases.active() == (LEASE, block)
        assert await tx.leases.active(service="ledger") == (block,)
        assert await tx.leases.active(kind="maintenance") == (LEASE,)
        assert await tx.leases.active(service="ledger", kind="maintenance") == ()
