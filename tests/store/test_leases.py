from datetime import UTC, datetime, timedelta

from bot.core.plan import Call
from bot.core.records import Lease
from bot.store.postgres import Postgres

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def lease(lease_id: str, *, owner: str = "ops", until: datetime | None = None) -> Lease:
    return Lease(
        id=lease_id,
        kind="maintenance",
        target="gateway",
        service="gateway",
        owner=owner,
        by="U1",
        reason="provider down",
        channel="C1",
        operation_id="op1",
        inverse=Call(("maintenance", "off"), {"service": "gateway"}),
        since=NOW,
        until=until,
    )


async def test_a_lease_with_an_end_has_a_due_row_that_goes_when_it_ends(store: Postgres) -> None:
    async with store.transaction() as tx:
        await tx.leases.open(lease("a", until=NOW + timedelta(minutes=30)))
        await tx.leases.open(lease("b", owner="security"))

    async with store.transaction() as tx:
        assert [kept.id for kept in await tx.leases.active()] == ["a", "b"]
        assert await tx.leases.end("a", at=NOW, by="U2")
        assert not await tx.leases.end("a", at=NOW, by="U2")
        due = await tx.due.take(now=NOW + timedelta(hours=1))

    assert due == ()
