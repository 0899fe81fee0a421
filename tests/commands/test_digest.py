"""Digests as people in Slack add, pause, run and remove them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.commands.team import Team
from tests.fakes import worker


@pytest.mark.row("K5")
async def test_a_digest_that_was_added_comes_to_the_channel_at_its_time(team: Team) -> None:
    added = await team.says("digest add daily weekdays 11:30 Europe/Berlin")
    before = await team.pass_time(timedelta(hours=1, minutes=29))
    then = await team.pass_time(timedelta(minutes=1))

    assert "daily-gateway" in added
    assert "weekdays 11:30, Europe/Berlin" in added
    assert before == []
    assert len(then) == 1
    assert "gateway" in then[0]


async def test_words_without_a_zone_mean_that_of_the_configuration(team: Team) -> None:
    assert "every monday 9:00, Europe/Berlin" in await team.says("digest add daily every monday 9:00")


async def test_too_few_words_open_a_form_which_adds_the_same(team: Team) -> None:
    await team.ana.command(team.ops, "/ops digest add")
    form = await team.ana.wait_for_modal()
    answers = {"template": "daily", "when": "1st of the month 08:00 Europe/Berlin", "quiet": "22:00-07:00"}
    await team.ana.submit(form, answers)
    await team.ana.wait_for(team.ops, "Digest daily-gateway", 10)

    listed = await team.says("digest list")
    assert "1st of the month 08:00, Europe/Berlin, not 22:00-07:00" in listed


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("digest add daily sometimes", '"sometimes" is no schedule'),
        ("digest add daily weekdays 09:00 Europe/Berln", "Did you mean Europe/Berlin?"),
        ("digest add daily weekdays 09:00 --quiet nights", '"nights" are no quiet hours'),
        ("digest add daily weekdays 09:00 --name health", "There is a digest health"),
        ("digest add daily weekdays 09:00 --name so/not", "is no name"),
        ("digest add yearly weekdays 09:00", "is not one of its values"),
        ("digest pause nothing", "There are: health"),
        ("digest remove health", "stands in the configuration"),
        ("digest resume health", "is not paused"),
    ],
)
async def test_what_cannot_be_is_refused_with_what_can(team: Team, line: str, said: str) -> None:
    assert said in await team.says(line)
    async with team.store.transaction() as tx:
        assert await tx.schedules.all() == ()


async def test_a_digest_for_a_channel_that_the_bot_cannot_read_is_refused(team: Team) -> None:
    other = team.workspace.channel("other", [team.ana], bot=False)

    turn = await team.ana.command(other, "/ops digest add daily every day 9:00")

    assert "Invite me" in (await turn.reply(timeout=10)).plain()


async def test_a_paused_digest_does_not_come_and_what_it_missed_is_not_posted_late(team: Team) -> None:
    await team.says("digest add daily every day 11:30 --name lunch")
    paused = await team.says("digest pause lunch")
    twice = await team.says("digest pause lunch")
    meanwhile = await team.pass_time(timedelta(hours=2))
    listed = await team.says("digest list")
    await team.pass_time(timedelta(hours=23))
    await team.says("digest resume lunch")
    resumed = await team.pass_time(timedelta(minutes=1))
    [then] = await team.pass_time(timedelta(hours=2))

    assert "Paused" in paused
    assert "is paused already" in twice
    assert meanwhile == resumed == []
    assert "paused by" in listed
    assert "Missed" not in then


async def test_a_digest_of_the_configuration_can_be_paused_too(team: Team) -> None:
    await team.says("digest pause health")

    await team.pass_time(timedelta(0))
    await team.pass_time(timedelta(days=1))
    async with team.store.transaction() as tx:
        assert [slot.state for slot in await tx.slots.recent("health")] == ["paused", "first seen"]


async def test_run_posts_now_and_again_edits_what_stands_there(team: Team) -> None:
    await team.says("digest add daily every day 11:30 --name lunch")
    first = await team.says("digest run lunch")
    [posted] = await team.pass_time(timedelta(minutes=5))
    again = await team.says("digest run lunch")
    team.processes.found = (worker(0, "errored"),)
    [edited] = await team.pass_time(timedelta(minutes=5))

    assert "the digest comes to" in first
    assert "then I edit the one of today" in again
    assert "0 of 1 online" not in posted
    assert "0 of 1 online" in edited


async def test_a_message_that_somebody_deleted_is_posted_anew_by_run(team: Team) -> None:
    await team.says("digest add daily every day 11:30 --name lunch")
    await team.says("digest run lunch")
    await team.pass_time(timedelta(minutes=5))
    async with team.store.transaction() as tx:
        slot = await tx.slots.last("lunch")
    assert slot
    assert slot.message
    await team.digests.chat.delete(slot.message)
    await team.says("digest run lunch")

    assert len(await team.pass_time(timedelta(minutes=5))) == 1


async def test_a_removed_digest_comes_no_more_and_one_of_the_same_name_begins_anew(team: Team) -> None:
    await team.says("digest add daily every day 11:30 --name lunch")
    await team.says("digest remove lunch")
    gone = await team.pass_time(timedelta(days=3))
    await team.says("digest add daily every day 11:30 --name lunch")
    [then] = await team.pass_time(timedelta(hours=2))

    assert gone == []
    assert "Missed" not in then


async def test_a_digest_rests_on_holidays_where_it_should_and_the_next_one_misses_none(team: Team) -> None:
    await team.says("digest add daily every day 11:30 --name lunch --holidays skip")
    monday = await team.pass_time(timedelta(hours=2))
    await team.pass_time(timedelta(days=1))
    coming = await team.says("digest list")
    wednesday = await team.pass_time(timedelta(days=1))
    thursday = await team.pass_time(timedelta(days=1))
    saturday = await team.pass_time(timedelta(days=2))
    sunday = await team.pass_time(timedelta(days=1))  # Women's Day, in Berlin

    assert "is left out: Founders' Day" in coming
    assert [len(each) for each in (monday, wednesday, thursday, saturday, sunday)] == [1, 2, 3, 4, 4]
    assert "Missed" not in thursday[-1]


async def test_a_digest_comes_on_holidays_too_where_nothing_else_was_said(team: Team) -> None:
    await team.says("digest add daily every day 11:30 --name lunch")
    await team.pass_time(timedelta(hours=2))
    days = [len(await team.pass_time(timedelta(days=1))) for _ in range(3)]  # the second is Founders' Day

    assert days == [2, 3, 4]
    assert "left out" not in await team.says("digest list")


async def test_one_that_is_late_says_so_and_one_that_is_too_late_is_told_by_the_next(team: Team) -> None:
    await team.says("digest add daily every day 11:30 --name lunch --grace 1h")
    [late] = await team.pass_time(timedelta(hours=2))
    missed = await team.pass_time(timedelta(days=1, hours=3))
    following = (await team.pass_time(timedelta(hours=20, minutes=31)))[-1]

    assert "Late: this was due at 2026-03-02 11:30 (Europe/Berlin)." in late
    assert missed == [late]
    assert "Missed and not posted: 1 before this, the first of 2026-03-03 11:30." in following
    assert "Late" not in following


async def test_nothing_is_posted_in_quiet_hours_and_what_fell_into_them_comes_when_they_end(team: Team) -> None:
    await team.says("digest add daily 0 */2 * * * --name often --quiet 22:00-07:00")
    await team.pass_time(timedelta(hours=11, minutes=30))  # 21:30 in Berlin
    evening = len(team.ana.sees(team.ops))
    night = [await team.pass_time(timedelta(hours=1)) for _ in range(9)]  # until 06:30
    morning = await team.pass_time(timedelta(minutes=30))

    assert evening
    assert {len(each) for each in night} == {1}
    assert len(morning) == 2
    assert "Late" not in morning[-1]
    assert datetime(2026, 3, 3, 6, tzinfo=UTC) == team.clock()


async def test_a_digest_offers_what_comes_next_and_says_who_looks_at_it(team: Team) -> None:
    team.processes.found = (worker(0, "errored"),)
    await team.says("digest add daily every day 11:30 --name lunch")
    await team.says("digest run lunch")
    await team.pass_time(timedelta(minutes=5))

    await team.ana.click(team.messages()[0], "Open an incident")
    form = await team.ana.wait_for_modal()
    await team.ana.click(team.messages()[0], "I look at it")
    looked_at = await team.ana.wait_for(team.ops, "looks at it", 10)
    await team.says("digest run lunch")
    [after] = await team.pass_time(timedelta(minutes=5))

    assert "Workers: 0 of 1 online" in str(form.blocks)
    assert looked_at.ts == team.messages()[0].ts
    assert "looks at it" in after


async def test_a_digest_offers_what_helps_with_the_worst_check_and_only_looks_where_it_is_unknown(team: Team) -> None:
    team.processes.found = (worker(0, "errored"),)
    digest = await team.digest()
    team.processes.found, team.backups.fault = (worker(0),), "The folder cannot be read."
    await team.says("digest run lunch")
    await team.pass_time(timedelta(minutes=5))
    unknown = team.messages()[0].buttons()

    assert [each for each in digest.buttons() if each.startswith(("Next", "Or"))] == ["Next: rollback", "Or: restart"]
    assert [each for each in unknown if each.startswith(("Next", "Or"))] == ["Next: backups"]


async def test_a_digest_in_which_all_is_well_offers_nothing(team: Team) -> None:
    await team.says("digest add daily every day 11:30 --name lunch")
    await team.says("digest run lunch")
    await team.pass_time(timedelta(minutes=5))

    assert "Open an incident" not in str(team.messages()[0].blocks)
