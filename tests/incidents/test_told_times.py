"""Times that people tell of an incident, each in its author's zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.core.errors import UsageError
from tests.incidents.desk import BEN, OWN, Desk, shown

OPENED = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


async def test_moments_are_told_in_ones_own_zone_and_the_last_word_counts(desk: Desk) -> None:
    await desk.type("open high Card payments fail")
    await desk.type("moment started 03:20", channel=OWN)  # Ana is in New York
    await desk.type("moment started 03:40", channel=OWN)
    await desk.type("moment detected 10m", channel=OWN)
    await desk.type("mitigated", channel=OWN, actor=BEN)

    async with desk.store.transaction() as tx:
        told = {each.kind: (each.at, each.by) for each in await tx.acts.told_moments(1)}
    assert told == {
        "started": (OPENED - timedelta(minutes=20), "U0ANA"),
        "detected": (OPENED - timedelta(minutes=10), "U0ANA"),
        "mitigated": (OPENED, "U0BEN"),
    }
    assert [entry.text for entry in await desk.entries("started")] == [
        "Started at 2026-03-02 08:20 UTC",
        "Started at 2026-03-02 08:40 UTC, not at 2026-03-02 08:20 UTC",
    ]
    with pytest.raises(UsageError, match="cannot be detected"):
        await desk.type("moment detected 03:30", channel=OWN)
    with pytest.raises(UsageError, match="not resolved yet"):
        await desk.type("moment resolved 03:58", channel=OWN)


async def test_it_can_be_over_since_an_earlier_moment(desk: Desk) -> None:
    await desk.type("open high Card payments fail")
    await desk.later(timedelta(hours=1))

    await desk.type("resolve Rolled back --at 04:40", channel=OWN)

    assert (await desk.incident()).resolved_at == OPENED + timedelta(minutes=40)


async def test_a_note_on_an_earlier_time_is_read_in_its_authors_zone_and_says_in_which(desk: Desk) -> None:
    await desk.type("open high Card payments fail")

    ana = await desk.type("note at 03:50 first complaint by phone", channel=OWN)
    ben = await desk.type("note at 09:55 provider called", channel=OWN, actor=BEN)

    assert [each.at for each in await desk.entries("note")] == [
        OPENED - timedelta(minutes=10),
        OPENED - timedelta(minutes=5),
    ]
    assert "(03:50 in America/New_York)" in shown(ana)
    assert "(09:55 in Europe/Berlin)" in shown(ben)  # Slack does not tell his zone: that of the incidents counts


async def test_an_entry_that_is_given_another_time_says_in_which_zone_that_was_read(desk: Desk) -> None:
    await desk.type("open high Card payments fail")
    await desk.type("note first complaint by phone", channel=OWN)
    (entry,) = await desk.entries("note")

    moved = await desk.type(f"entry edit {entry.id} --at 03:50", channel=OWN)
    reworded = await desk.type(f"entry edit {entry.id} the first complaint", channel=OWN)

    assert "(03:50 in America/New_York) now" in shown(moved)
    assert "now" not in shown(reworded)
