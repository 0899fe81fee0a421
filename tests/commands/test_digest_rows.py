"""What people do about the rows of a digest, by its buttons and by typing: snooze, assign, plan, review."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.demo.workspace.seen import Seen
from tests.commands.team import Team
from tests.fakes import worker


@pytest.fixture
def small_backup(team: Team) -> Team:
    """The newest backup is much smaller than the others, which is a warning; nothing else is wrong."""
    team.backups.size = 30_000
    return team


def verdict(seen: Seen) -> str:
    return seen.text.splitlines()[0]


@pytest.mark.row("K5")
async def test_a_row_is_snoozed_by_its_button_and_the_next_digest_says_so(small_backup: Team) -> None:
    team = small_backup
    digest = await team.digest()
    await team.ana.click(digest, "Snooze")
    form = await team.ana.wait_for_modal()
    await team.ana.submit(form, {"check": ["backups"], "lasts": "2d", "reason": "the disk is being replaced"})
    told = await team.ana.wait_for(team.ops, "snoozed until", 10)
    await team.pass_time(timedelta(days=1, hours=2))
    next_day = team.messages()[-1]
    await team.pass_time(timedelta(days=1))
    after = team.messages()[-1]

    assert "Backups: newest" in digest.plain()
    assert told.ts == digest.ts
    assert next_day.ts != digest.ts
    assert "1 warn" in verdict(next_day)
    assert "1 of them snoozed" in verdict(next_day)
    assert "the disk is being replaced" in next_day.text
    assert next_day.buttons() == []
    assert "snoozed" not in after.text
    assert "Snooze" in after.buttons()


async def test_what_is_snoozed_and_gets_worse_is_shown_all_the_same(small_backup: Team) -> None:
    team = small_backup
    await team.digest()
    snoozed = await team.says("digest snooze backups 2d known")
    team.backups.age = timedelta(days=5)
    await team.says("digest run lunch")
    await team.pass_time(timedelta(minutes=5))
    (worse,) = team.messages()

    assert "Backups (warn)" in snoozed
    assert "✗ fail · Backups" in worse.plain()
    assert "snoozed" not in worse.text
    assert "Open an incident" in worse.buttons()


async def test_a_failure_that_is_snoozed_hides_no_other_row_and_no_other_channel(small_backup: Team) -> None:
    team = small_backup
    team.processes.found = (worker(0, "errored"),)
    await team.digest()
    await team.says("digest snooze workers 1h")
    await team.says("digest run health")
    await team.pass_time(timedelta(minutes=5))
    (here,) = team.messages()
    (elsewhere,) = [seen for seen in team.ana.sees(team.elsewhere) if seen.thread_ts in {None, "", seen.ts}]

    assert "✗ fail" in verdict(here)
    assert "Workers: fail, 0 of 1 online · snoozed until" in here.plain()
    assert "Backups: newest" in here.plain()
    assert "✗ fail · Workers: 0 of 1 online" in elsewhere.plain()


async def test_a_row_that_is_woken_is_shown_again_at_once(small_backup: Team) -> None:
    team = small_backup
    await team.digest()
    await team.says("digest snooze backups")
    woken = await team.says("digest unsnooze backups")
    twice = await team.says("digest unsnooze backups")

    assert "Shown again: Backups" in woken
    assert "not snoozed in this channel" in twice
    assert "Snooze" in team.messages()[0].buttons()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("digest snooze workers 1h", "was well in the last digest"),
        ("digest snooze nothing 1h", "Nothing has an id"),
        ("digest snooze backups 90d", "31d at most"),
        ("digest done 7", "There is no task 7"),
        ("digest assign nothing me", "Nothing has an id"),
    ],
)
async def test_what_cannot_be_done_about_a_row_is_refused(small_backup: Team, line: str, said: str) -> None:
    await small_backup.digest()

    assert said in await small_backup.says(line)


async def test_before_the_first_digest_there_is_no_row(team: Team) -> None:
    assert "No digest of gateway was posted" in await team.says("digest snooze backups")


async def test_a_channel_without_tasks_is_told_how_a_row_becomes_one(team: Team) -> None:
    said = await team.says("digest tasks")

    assert "There is none in this channel: Assign below a digest makes a row of it somebody's task." in said
    assert "ction item" not in said


async def test_a_row_becomes_somebodys_task_that_each_digest_tells_until_it_is_done(small_backup: Team) -> None:
    team = small_backup
    ben = team.workspace.person("ben")
    digest = await team.digest()
    await team.ana.click(digest, "Assign")
    form = await team.ana.wait_for_modal()
    await team.ana.submit(form, {"check": ["backups"], "owner": f"<@{ben.id}>"})
    told = await team.ana.wait_for(team.ops, "Task 1", 10)
    team.backups.size = 100_000
    await team.pass_time(timedelta(days=1, hours=2))
    next_day = team.messages()[-1]
    await team.says("digest done 1")
    again = await team.says("digest done 1")
    finished = team.messages()[-1]

    assert told.ts == digest.ts
    assert f"<@{ben.id}>" in next_day.text
    assert "since warn, newest is 1.0 h old, 30 kB" in next_day.text
    assert "now ok" in next_day.text
    assert finished.ts == next_day.ts
    assert "Task 1" not in finished.text
    assert "There is no task 1" in again


async def test_a_task_is_given_to_another_and_done_by_its_buttons(small_backup: Team) -> None:
    team = small_backup
    await team.digest()
    await team.says("digest assign backups cy")
    turn = await team.ana.command(team.ops, "/ops digest tasks")
    listed = await turn.reply(timeout=10)
    await team.ana.click(listed, "Assign")
    form = await team.ana.wait_for_modal()
    await team.ana.submit(form, {"owner": "dee"})
    await team.ana.wait_for(team.ops, lambda seen: "owner dee" in seen.plain(), 10)
    turn = await team.ana.command(team.ops, "/ops digest tasks")
    await team.ana.click(await turn.reply(timeout=10), "Done")
    await team.ana.wait_for(team.ops, lambda seen: "0 to do, 1 done" in seen.plain(), 10)

    assert "owner cy" in listed.plain()
    assert "Task 1" not in team.messages()[0].text


@pytest.mark.row("K5")
async def test_the_incident_that_a_digest_opens_begins_with_the_evidence(small_backup: Team) -> None:
    digest = await small_backup.digest()

    await small_backup.ana.click(digest, "Open an incident")
    form = await small_backup.ana.wait_for_modal()

    assert "Backups: newest is 1.0 h old, 30 kB" in str(form.values)
    assert "gateway" in str(form.values) + form.private_metadata + str(form.blocks)


@pytest.mark.row("V")
@pytest.mark.row("M3")
async def test_the_monthly_review_is_ticked_and_given_away_by_its_buttons(team: Team) -> None:
    digest = await team.digest("monthly 1st of the month 08:00 --name lunch")
    (review,) = [seen for seen in team.thread(digest) if "Monthly review" in seen.plain()]
    await team.ana.click(review, "Done")
    await team.ana.wait_for(team.ops, lambda seen: seen.ts == review.ts and "1 done" in seen.plain(), 10)
    await team.ana.click(_now(team, review), "I take it")
    taken = await team.ana.wait_for(team.ops, lambda seen: seen.ts == review.ts and "owner" in seen.plain(), 10)
    await team.ana.click(taken, "Assign")
    form = await team.ana.wait_for_modal()
    await team.ana.submit(form, {"owner": "ben"})
    await team.ana.wait_for(team.ops, lambda seen: "owner ben" in seen.plain(), 10)
    listed = await team.says("monthly")
    second = await team.says("monthly done 1")

    assert "10 to do, 1 done" in listed
    assert "owner ben" in listed
    assert "is done already" in second


def _now(team: Team, message: Seen) -> Seen:
    return next(seen for seen in team.ana.sees(team.ops) if seen.ts == message.ts)
