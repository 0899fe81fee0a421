"""What many incidents took, from moments that are known, and nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.core.results import Table
from tests.fakes import FakeChat
from tests.incidents.desk import OWN, Desk, shown


@pytest.fixture
async def past(desk: Desk) -> Desk:
    """One incident with all its moments, one that is open, and a private one."""
    await desk.type("open high Card payments fail")
    await desk.type("moment started 30m", channel=OWN)
    await desk.type("moment detected 10m", channel=OWN)
    await desk.later(timedelta(minutes=20))
    await desk.type("mitigated", channel=OWN)
    await desk.later(timedelta(minutes=10))
    await desk.type("resolve", channel=OWN)
    await desk.later(timedelta(days=8))
    await desk.type("open low Dashboard is slow")
    await desk.type("open private critical Keys were stolen")
    return desk


async def test_each_moment_has_its_source_and_what_is_not_known_is_counted(past: Desk) -> None:
    table = await past.type("metrics --last 30d")

    assert isinstance(table, Table)
    open_one, over = table.rows
    assert (over[:2], over[-1]) == (("1", "High"), "1h")
    assert [cell[-1] for cell in over[2:7]] == [" (told)", " (told)", " (taken on)", " (told)", " (resolved)"]
    assert (open_one[2], open_one[3][-1], open_one[6]) == ("nobody told", " (declared)", "not yet")
    assert table.notes[:3] == (
        "To acknowledge (MTTA): 5m on average, median 5m, of 2.",
        "To mitigate: 50m on average, median 50m, of 1, not known of 1.",
        "To resolve (MTTR): 1h on average, median 1h, of 1, not known of 1.",
    )


async def test_the_chart_goes_to_who_asks_or_to_the_channel_and_its_words_where_slack_refuses(
    past: Desk, chat: FakeChat
) -> None:
    alone = await past.type("metrics --last 14d")
    shared = await past.type("metrics --here")
    chat.refuses["picture"] = "missing_scope"
    refused = await past.type("metrics")

    (private, _, by_day, _), (public, _, by_week, _) = chat.files
    assert (private, public) == ("D0ANA", "C0OPS")
    assert by_day.startswith("Incidents by day")
    assert by_week.startswith("Incidents by week")
    assert "Median to resolve: 60 to 60 min" in by_week
    assert "in your direct messages" in shown(alone)
    assert "in this channel" in shown(shared)
    assert "could not be shared (missing_scope). Incidents by week" in shown(refused)


async def test_without_incidents_there_is_no_figure(desk: Desk, chat: FakeChat) -> None:
    assert "No incident was declared in that time." in shown(await desk.type("metrics"))
    assert chat.files == []


async def test_a_moment_of_a_former_cycle_does_not_count_for_the_present_one(past: Desk) -> None:
    await past.type("reopen cards fail again", channel=OWN)

    table = await past.type("metrics")

    assert isinstance(table, Table)
    assert [row[5:] for row in table.rows] == [("nobody told", "not yet", "-")] * 2
