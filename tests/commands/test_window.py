"""A maintenance window from announcement to closing notice: real mail server, real workers, a clock that is set."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from pathlib import Path

import pytest

from bot.core.backups import BackupMaker
from bot.core.errors import Conflict, UsageError
from bot.core.parse import parse
from bot.core.ports import Backups
from bot.core.records import Operation
from bot.core.results import OperationState, PlanCard, PlanState, Text
from bot.core.windows import WindowState
from bot.operations.windows import GRACE, heed_window
from bot.views import render
from commands.window import Announce
from commands.window import backup as make_backup
from integrations.backups import BackupFolder
from integrations.backups import Config as FolderConfig
from tests.commands.bench import CHANNEL, CHIEF
from tests.commands.night import MINUTE, PLAN, START, Night, words_of
from tests.fixtures_gateway import pm2_cli

pytestmark = pytest.mark.timeout(180)


@pytest.mark.parametrize(
    ("text", "start", "title"),
    [
        ("22:00 for 1h Database update", "22:00", "Database update"),
        ("22:00 1h Database update", "22:00", "Database update"),
        ("tomorrow 22:00 for 1h Database update", "tomorrow 22:00", "Database update"),
        ("2026-12-01 22:00 1h Database update", "2026-12-01 22:00", "Database update"),
        ('"2026-12-01 22:00" Database update for 1h', "2026-12-01 22:00", "Database update"),
        ("2026-12-01T22:00 for 1h Move for good", "2026-12-01T22:00", "Move for good"),
        ("tomorrow 22:00 Move at 23:00 --for 1h", "tomorrow 22:00", "Move at 23:00"),
    ],
)
def test_a_window_is_typed_as_people_say_it(text: str, start: str, title: str) -> None:
    args = parse(text, Announce)

    assert (args.start, args.lasts, args.title) == (start, timedelta(hours=1), title)


@pytest.mark.row("N1")
async def test_the_card_shows_what_would_be_told_and_nobody_is_told_before_somebody_else_approves(night: Night) -> None:
    answer = render(await night.bench.type(PLAN)).text
    await night.bench.work()
    card = night.said()[-1]
    operation = await night.bench.newest()
    with pytest.raises(Exception, match="somebody else has to approve"):
        await night.bench.engine.approval.approve(night.bench.context(), operation.id)

    assert "a commander other than you" in answer
    assert "by mail to partners: 2 people" in card
    assert "ann@example.com" not in card
    assert "Planned maintenance of crypto-payment-gateway: Monday 02 March 2026, 22:00 CET" in card
    assert "When: Monday 02 March 2026, 22:00 to 23:00 CET (Europe/Berlin)" in card
    assert "2026-03-02 22:00 in Europe/Berlin" in card
    assert night.server.taken == []


@pytest.mark.row("N1")
async def test_an_approved_window_is_told_to_the_channel_and_mailed_once(night: Night) -> None:
    operation = await night.planned()

    await night.bench.engine.run(operation.id)  # the job comes a second time

    seen = await night.bench.evidence(operation)
    assert operation.state is OperationState.DONE, seen
    assert "Queued by the mail server for 2 people of partners" in seen
    assert "whether it is delivered cannot be seen" in seen
    [(_, recipients, message)] = night.server.taken
    assert recipients == ("ann@example.com", "bob@example.net")
    assert "In UTC: 2026-03-02 21:00 to 2026-03-02 22:00" in message.get_content()
    assert sum("We plan maintenance" in said for said in night.said()) == 1
    assert "planned" in await night.bench.says("maintenance window")


@pytest.mark.row("N1", "N6", "G7")
async def test_a_window_begins_and_ends_by_itself_and_all_are_told_when_it_is_over(night: Night) -> None:
    bench = night.bench
    await night.planned()
    await night.at(START - 15 * MINUTE)
    assert "begins soon" in night.said()[-1]

    await night.at(START)
    [lease] = await bench.leases("maintenance")
    assert (lease.owner, lease.reason) == ("window", "Database update")
    assert await bench.live.gateway.turns_customers_away() is not False
    await night.at(START + MINUTE)
    card = bench.chat.posted(CHANNEL)[-1]
    assert "1. Make a backup" in words_of(card)

    assert lease.until
    await night.at(lease.until)
    await night.at(bench.clock() + MINUTE)

    assert await bench.leases() == ()
    assert (await night.window()).state is WindowState.CLOSED
    assert [subject.partition(":")[0] for subject in night.subjects()] == [
        "Planned maintenance of crypto-payment-gateway",
        "Over",
    ]
    told = next(said for said in night.said() if "Over: maintenance" in said)
    assert "Turn maintenance on: done" in told
    assert "Turn maintenance off: done" in told
    await night.at(bench.clock() + timedelta(hours=1))
    assert len(night.server.taken) == 2


@pytest.mark.row("N2")
async def test_inside_a_window_nothing_is_changed_before_a_backup_was_made_unless_there_is_a_reason(
    night: Night, tmp_path: Path
) -> None:
    await night.planned()
    service = night.bench.service
    folder = BackupFolder(FolderConfig(folder=str(tmp_path)), host=night.bench.live.host)
    night.bench.ports[Backups] = folder
    assert await heed_window(night.bench.store, service, override="") == ()  # it has not begun
    window = await night.window()
    async with night.bench.store.transaction() as tx:
        await tx.windows.move(window.id, to=WindowState.BEGINNING, frm=[WindowState.PLANNED], at=START)
    old = tmp_path / "old.sql"
    old.write_text("select 1;")
    os.utime(old, ((START - MINUTE).timestamp(),) * 2)

    service = night.bench.service
    with pytest.raises(Conflict, match="No backup was made since the maintenance window began"):
        await heed_window(night.bench.store, service, override="")
    [warning] = await heed_window(night.bench.store, service, override="nothing is written")
    os.utime(old, ((START + MINUTE).timestamp(),) * 2)

    assert "Overridden" in render(Text((warning,))).text
    assert await heed_window(night.bench.store, service, override="") == ()


async def test_the_first_step_of_a_window_is_a_button(night: Night, tmp_path: Path) -> None:
    await night.planned()
    script = tmp_path / "backup.sh"
    script.touch(mode=0o755)
    folder = BackupFolder(FolderConfig(folder=str(tmp_path), script=str(script)), host=night.bench.live.host)
    night.bench.ports |= {Backups: folder, BackupMaker: folder}

    window = await night.window()
    await make_backup(night.bench.context(CHIEF), window.id, store=night.bench.store, engine=night.bench.engine)
    await night.bench.work()

    _, whom, card = night.bench.chat.whispers[-1]
    assert whom == CHIEF.user_id
    assert isinstance(card, PlanCard)
    assert (card.title, card.reason) == ("Make a backup", "Database update")


@pytest.mark.row("N6", "G8")
async def test_customers_are_not_let_in_while_a_worker_is_not_well_unless_there_is_a_reason(night: Night) -> None:
    demo = night.bench.live.demo
    env = demo.env_file.read_text()
    demo.env_file.write_text(f"{env}ENABLE_MAINTENANCE_MODE=true\n")
    pm2_cli(demo, "stop", "0")

    with pytest.raises(Conflict, match="Customers stay out, for health is not good: Worker 0 is stopped"):
        await night.bench.type("maintenance off")
    card = words_of(await night.bench.type('maintenance off --override "the other one serves"'))

    assert "Overridden, though health is not good" in card


@pytest.mark.parametrize("late", [5 * MINUTE, GRACE + MINUTE], ids=["late", "too late"])
async def test_nobody_there_at_its_start_begins_it_late_and_much_later_not_at_all(
    night: Night, late: timedelta
) -> None:
    await night.planned()
    night.bench.clock.at = START + late
    async with night.bench.store.transaction() as tx:
        await tx.due.take(now=night.bench.clock())

    for _ in range(2):  # the job comes twice
        await night.bench.engine.windows.turn((await night.window()).id)

    automatic = [each for each in await _operations(night) if each.automatic]
    if late > GRACE:
        assert automatic == []
        assert (await night.window()).state is WindowState.MISSED
        assert sum("does not take place" in said for said in night.said()) == 1
    else:
        [begun] = automatic
        assert begun.plan_state is PlanState.ACCEPTED
        assert begun.automatic == "The planned window begins 5m late; it was approved with its plan."


async def test_a_missed_window_is_told_once_slack_is_back(night: Night) -> None:
    await night.planned()
    night.bench.chat.refuses = {"post": "fatal_error", "find": "fatal_error"}
    await night.at(START + GRACE + MINUTE)
    assert (await night.window()).state is WindowState.PLANNED
    night.bench.chat.refuses = {}

    await night.at(START + GRACE + 2 * MINUTE)

    assert (await night.window()).state is WindowState.MISSED
    assert sum("does not take place" in said for said in night.said()) == 1


async def test_two_replicas_that_begin_it_at_once_begin_it_once(night: Night) -> None:
    await night.planned()
    night.bench.clock.at = START
    window = await night.window()

    await asyncio.gather(*(night.bench.engine.windows.turn(window.id) for _ in range(2)))

    assert len([each for each in await _operations(night) if each.automatic]) == 1


async def test_a_window_whose_maintenance_is_not_turned_on_says_so(night: Night) -> None:
    await night.planned()
    night.bench.clock.at = START
    window = await night.window()
    await night.bench.engine.windows.turn(window.id)
    begun = await night.bench.newest()
    await night.bench.engine.approval.cancel(night.bench.context(CHIEF), begun.id)

    await night.bench.engine.windows.turn(window.id)

    assert (await night.window()).state is WindowState.FAILED
    assert any("Maintenance was not turned on" in said for said in night.said())


@pytest.mark.row("N1")
async def test_a_cancelled_window_is_told_to_the_same_people_and_does_not_begin(night: Night) -> None:
    await night.planned()
    window = await night.window()

    operation = await night.bench.run(f"maintenance window cancel {window.id[:4]} moved to next week")
    await night.at(START)

    assert operation.state is OperationState.DONE, await night.bench.evidence(operation)
    assert night.subjects()[-1].startswith("Cancelled: maintenance of crypto-payment-gateway")
    assert night.server.taken[0][1] == night.server.taken[1][1]
    assert (await night.window()).state is WindowState.CANCELLED
    assert await night.bench.leases() == ()
    night.bench.clock.at = START - timedelta(hours=2)
    await night.planned()  # the same time is free again
    assert len(night.server.taken) == 3


async def test_a_window_that_overlaps_with_another_is_refused(night: Night) -> None:
    await night.planned()

    with pytest.raises(Conflict, match=r'overlaps with the window [0-9a-f]{8}, "Database update"'):
        await night.bench.type("maintenance plan 22:59 for 2h Another one")

    await night.bench.type("maintenance plan 23:00 for 1h The next one")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("maintenance plan 22:00 Update", "How long"),
        ("maintenance plan 22:00 for 13h Update", "too long"),
        ("maintenance plan 09:00 for 1h Update", "is over"),
        ("maintenance plan 2027-03-01 22:00 for 1h Update", "too far ahead"),
    ],
)
async def test_a_window_that_cannot_be_is_refused(night: Night, text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        await night.bench.type(text)


async def test_a_window_that_nobody_approved_by_its_start_has_expired(night: Night) -> None:
    night.bench.clock.at = START - 20 * MINUTE
    await night.bench.type(PLAN)
    operation = await night.bench.newest()

    await night.at(START)

    assert (await night.bench.newest()).plan_state is PlanState.EXPIRED
    assert night.server.taken == []
    assert "expired" in night.said()[-1].lower()
    assert operation.plan.latest == START


async def _operations(night: Night) -> tuple[Operation, ...]:
    async with night.bench.store.transaction() as tx:
        return await tx.operations.recent()
