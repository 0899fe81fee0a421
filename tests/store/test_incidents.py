import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.core.errors import Conflict, NotFound
from bot.core.incidents import Entry, Incident
from bot.core.ports import MessageRef
from bot.store.postgres import Postgres

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
INCIDENT = Incident(0, "Payments fail", "High", "open", "", "U1", "U1", NOW, services=("gateway",))


async def declare(store: Postgres) -> Incident:
    async with store.transaction() as tx:
        return await tx.incidents.declare(INCIDENT)


async def test_incidents_declared_at_once_are_numbered_without_a_gap_though_one_failed(store: Postgres) -> None:
    async def declare_and_fail() -> None:
        async with store.transaction() as tx:
            await tx.incidents.declare(INCIDENT)
            raise TimeoutError

    with pytest.raises(TimeoutError):
        await declare_and_fail()
    declared = await asyncio.gather(*(declare(store) for _ in range(5)))

    assert sorted(incident.number for incident in declared) == [1, 2, 3, 4, 5]


async def test_an_incident_is_found_by_number_and_channel(store: Postgres) -> None:
    await declare(store)

    async with store.transaction() as tx:
        await tx.incidents.set_channel(1, "C9", own=True)
        await tx.incidents.set_card(1, MessageRef("C9", "1.1"))
        incident = await tx.incidents.get(1)
        assert incident == await tx.incidents.in_channel("C9")
        assert await tx.incidents.in_channel("C1") is None
        with pytest.raises(NotFound, match="no incident 2"):
            await tx.incidents.get(2)

    assert (incident.channel, incident.card) == ("C9", MessageRef("C9", "1.1"))


async def test_an_incident_is_saved_by_whoever_has_read_its_last_version(store: Postgres) -> None:
    declared = await declare(store)
    resolved = replace(declared, state="resolved", resolved_at=NOW, resolved_by="U2")

    async with store.transaction() as tx:
        before = await tx.incidents.open()
        saved = await tx.incidents.save(resolved)
        with pytest.raises(Conflict, match="changed by somebody else"):
            await tx.incidents.save(resolved)
        after = await tx.incidents.open()
        assert await tx.incidents.get(1) == saved

    assert saved == replace(resolved, version=1)
    assert (len(before), len(after)) == (1, 0)


async def test_entries_are_kept_once_and_in_order_of_time(store: Postgres) -> None:
    await declare(store)
    late = Entry("a", 1, NOW + timedelta(minutes=1), "U1", "note", "Called the provider")
    early = Entry("b", 1, NOW, "opsbot", "act", "Maintenance on", "op1", MessageRef("C9", "1.1"))

    async with store.transaction() as tx:
        for entry in (late, early, late):
            await tx.entries.add(entry)
        assert await tx.entries.of_incident(1) == (early, late)
        assert await tx.entries.of_incident(2) == ()
