"""Making a backup with real scripts: done is what a look at the folder finds, whatever the script said."""

from __future__ import annotations

import asyncio
import gzip
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.core.backups import BackupMaker
from bot.core.errors import Conflict
from bot.core.ports import Backups
from bot.core.redact import Redactor
from bot.core.results import OperationState, Progress
from bot.views import render, scrubbed
from integrations.backups import BackupFolder, Config
from tests.commands.bench import CHANNEL, Bench
from tests.waiting import until

pytestmark = pytest.mark.timeout(120)

GOOD = (
    'head -c 60000 /dev/urandom | gzip >"$F/payments-new.sql.gz.part"; mv "$F/payments-new.sql.gz.part" "$F/new.sql.gz"'
)


def keep(folder: Path, name: str, *, size: int = 60_000, at: datetime | None = None) -> Path:
    """A backup of before; `at` is an hour ago if not said."""
    file = folder / name
    file.write_bytes(gzip.compress(os.urandom(size)))
    moment = (at or datetime.now(UTC) - timedelta(hours=1)).timestamp()
    os.utime(file, (moment, moment))
    return file


def backing_up(bench: Bench, folder: Path, body: str, *, timeout: str = "30s") -> Path:
    """Have `body` make backups in a folder with two of them; `$F` is the folder."""
    backups = folder / "backups"
    backups.mkdir()
    for number in (1, 2):
        keep(backups, f"payments-{number}.sql.gz")
    script = folder / "scripts" / "backup.sh"
    script.parent.mkdir()
    script.write_text(f"#!/bin/bash\nF={backups}\n{body}\n")
    script.chmod(0o755)
    config = Config.model_validate({"folder": str(backups), "script": str(script), "timeout": timeout})
    maker = BackupFolder(config, host=bench.live.host)
    bench.ports = {Backups: maker, BackupMaker: maker}
    return backups


async def no_holder(bench: Bench) -> bool:
    """Whether the script that was left running has ended."""
    return not await bench.service.port(BackupMaker).holder()


@pytest.mark.row("M1", "N2")
async def test_a_backup_is_done_when_a_new_whole_one_is_seen_and_the_card_says_where(
    bench: Bench, tmp_path: Path
) -> None:
    folder = backing_up(bench, tmp_path, GOOD)
    card = render(await bench.type("backup before the update")).text
    assert "scripts/backup.sh" in card or "payments-" in card
    assert "inodes" in card
    assert "nobody" in card

    operation = await bench.run("backup before the update")

    seen = await bench.evidence(operation)
    assert operation.state is OperationState.DONE, seen
    assert f"{folder}/new.sql.gz, 60 kB; gzip -t finds it whole." in seen
    assert "The last one I made took" in render(await bench.type("backup again")).text


@pytest.mark.row("M1")
async def test_the_gateways_own_script_is_run_and_seen(bench: Bench) -> None:
    demo = bench.live.demo
    script = demo.app_dir / "scripts" / "backup.sh"
    config = Config.model_validate(
        {"folder": str(demo.backup_dir), "script": str(script), "path": demo.node_path, "timeout": "30s"}
    )
    maker = BackupFolder(config, host=bench.live.host)
    bench.ports = {Backups: maker, BackupMaker: maker}
    before = set(demo.backup_dir.iterdir())

    operation = await bench.run("backup")

    made = set(demo.backup_dir.iterdir()) - before
    for file in made:
        file.unlink()
    assert len(made) == 1
    # The gateway of the tests has few payments, those of the past have thousands.
    assert operation.state in {OperationState.DONE, OperationState.UNVERIFIED}, await bench.evidence(operation)
    assert str(made.pop()) in await bench.evidence(operation)


@pytest.mark.row("M1")
@pytest.mark.parametrize(
    ("body", "why"),
    [
        pytest.param("exit 0", "No new backup is there.", id="nothing made"),
        pytest.param('gzip </etc/passwd >"$F/new.sql.gz.part"', "No new backup is there.", id="left unfinished"),
        pytest.param('touch "$F/new.sql.gz"', "it is empty", id="empty"),
        pytest.param(
            'head -c 90000 /dev/urandom | gzip | head -c 60000 >"$F/new.sql.gz"',
            "new.sql.gz: it is damaged or cut short",
            id="cut short",
        ),
        pytest.param('touch "$F/payments-1.sql.gz" -d "2 hours ago"', "No new backup is there.", id="touched"),
    ],
)
async def test_a_script_that_ends_with_0_and_leaves_no_whole_backup_has_failed(
    bench: Bench, tmp_path: Path, body: str, why: str
) -> None:
    backing_up(bench, tmp_path, body)

    operation = await bench.run("backup")

    assert operation.state is OperationState.FAILED
    assert why in await bench.evidence(operation)


@pytest.mark.row("M1")
async def test_one_that_is_dated_in_the_future_is_not_taken_for_the_new_one(bench: Bench, tmp_path: Path) -> None:
    folder = backing_up(bench, tmp_path, "exit 0")
    keep(folder, "odd.sql.gz", at=datetime.now(UTC) + timedelta(days=3))

    operation = await bench.run("backup")

    assert operation.state is OperationState.FAILED, await bench.evidence(operation)


@pytest.mark.row("M1")
async def test_one_that_is_much_smaller_than_usual_is_unverified(bench: Bench, tmp_path: Path) -> None:
    backing_up(bench, tmp_path, 'echo little | gzip >"$F/new.sql.gz"')

    operation = await bench.run("backup")

    assert operation.state is OperationState.UNVERIFIED
    assert "which is little: usual are 60 kB" in await bench.evidence(operation)


@pytest.mark.row("M1")
async def test_a_script_that_fails_says_its_last_error_line_without_the_secret_in_it(
    bench: Bench, tmp_path: Path
) -> None:
    backing_up(bench, tmp_path, 'echo fine; echo "pg_dump: cannot reach postgres://app:hunter22secret@db" >&2; exit 3')

    operation = await bench.run("backup")

    assert operation.state is OperationState.FAILED
    assert "ended with 3 and said: pg_dump: cannot reach" in await bench.evidence(operation)
    shown = render(scrubbed(bench.chat.posted(CHANNEL)[-1], Redactor().redact)).text
    assert "cannot reach" in shown
    assert "hunter22secret" not in shown


@pytest.mark.row("M1")
async def test_what_takes_too_long_is_unknown_left_running_and_waited_for_by_the_next(
    bench: Bench, tmp_path: Path
) -> None:
    folder = backing_up(bench, tmp_path, f"sleep 3; {GOOD}", timeout="1s")

    operation = await bench.run("backup")
    plan = render(await bench.type("backup again")).text

    assert operation.state is OperationState.UNVERIFIED
    assert "goes on under its lock. It still runs, and is left to its end:" in await bench.evidence(operation)
    assert "scripts/backup.sh (pid " in plan
    assert "waits for it" in plan
    await until((folder / "new.sql.gz").exists)
    await until(lambda: no_holder(bench))
    await bench.live.host.run(("true",))  # which notices that the script has ended


@pytest.mark.row("M1")
async def test_the_card_tells_how_far_it_is_against_the_last_time(bench: Bench, tmp_path: Path) -> None:
    backing_up(bench, tmp_path, f'head -c 30000 /dev/urandom >"$F/x.part"; sleep 4; rm "$F/x.part"; {GOOD}')
    await bench.type("backup")
    operation = await bench.newest()
    await bench.engine.approval.confirm(bench.context(), operation.id)
    running, showing = bench.deferred.jobs
    await bench.engine.handlers[showing.task](**showing.args)
    seen: list[str] = []

    async def watch() -> None:
        while True:
            card = bench.chat.posted(CHANNEL)[-1]
            assert isinstance(card, Progress)
            seen.append(card.steps[0].evidence)
            await asyncio.sleep(0.1)

    watching = asyncio.create_task(watch())
    await bench.engine.handlers[running.task](**running.args)
    watching.cancel()

    assert any(said.startswith("30 kB of about 60 kB written, ") for said in seen), set(seen)
    assert (await bench.newest()).state is OperationState.DONE


@pytest.mark.row("M1")
async def test_what_a_dead_replica_began_is_waited_for_and_not_made_twice(bench: Bench, tmp_path: Path) -> None:
    folder = backing_up(bench, tmp_path, f'echo run >>"$F/../runs"; sleep 2; {GOOD}')
    await bench.type("backup")
    operation = await bench.newest()
    await bench.engine.approval.confirm(bench.context(), operation.id)
    first = asyncio.create_task(bench.engine.run(operation.id))
    await until((folder.parent / "runs").exists)
    first.cancel()  # and its script goes on
    await asyncio.gather(first, return_exceptions=True)

    await bench.engine.run(operation.id)

    assert (await bench.newest()).state is OperationState.DONE
    assert (folder.parent / "runs").read_text() == "run\n"


@pytest.mark.row("M1")
async def test_one_that_would_not_fit_is_refused(bench: Bench, tmp_path: Path) -> None:
    folder = backing_up(bench, tmp_path, GOOD)
    with (folder / "huge.sql").open("wb") as file:
        file.truncate(10 * 1000**4)  # sparse: it takes no room by itself

    with pytest.raises(Conflict, match=r"free, and a backup takes about 11 TB"):
        await bench.type("backup")


async def test_without_a_script_it_is_said_what_to_configure(bench: Bench, tmp_path: Path) -> None:
    maker = BackupFolder(Config(folder=str(tmp_path)), host=bench.live.host)
    bench.ports = {Backups: maker, BackupMaker: maker}

    with pytest.raises(Conflict, match="I know nothing that makes a backup") as refused:
        await bench.type("backup")

    assert "backups.script" in refused.value.hint


@pytest.mark.row("K4")
async def test_backups_are_listed_with_what_speaks_against_them_judged_as_in_the_digest(
    bench: Bench, tmp_path: Path
) -> None:
    folder = backing_up(bench, tmp_path, GOOD)
    bench.clock.at = datetime.now(UTC)
    assert "OK: newest is 1.0 h old" in await bench.says("backups")

    (folder / "payments-1.sql.gz").write_bytes(b"<html>")
    said = await bench.says("backups")

    assert "FAIL: newest is" in said
    assert "it is no gzip file" in said
    bench.clock.advance(timedelta(hours=30))
    assert "at most 26 h old" in await bench.says("backups")
