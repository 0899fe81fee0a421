"""Migrations of the deployed release, run by real commands in its folder."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.core.errors import Conflict
from bot.core.migrations import Migrations
from bot.core.releases import Releases
from bot.core.results import OperationState
from bot.views import render
from integrations.releases import Config, GitReleases
from tests.commands.bench import CHANNEL, CHIEF, Bench
from tests.waiting import until

pytestmark = pytest.mark.timeout(120)


def migrating(bench: Bench, folder: Path, body: str, **more: object) -> Path:
    """Have `body` be the migrations, which write what they applied to the file `$A`; 1 was applied before."""
    applied = folder / "applied"
    applied.write_text("1\n")
    script = folder / "migrate.sh"
    script.write_text(f"#!/bin/bash\nA={applied}\n{body}\n")
    script.chmod(0o755)
    demo = bench.live.demo
    values = {
        "link": str(demo.app_dir),
        "folder": str(demo.app_dir.resolve().parent),
        "repository": str(demo.app_dir.resolve()),
        "path": demo.node_path,
        "home": str(demo.home),
        "migrate": (str(script),),
        "last_migration": ("tail", "-n", "1", str(applied)),
        **more,
    }
    releases = GitReleases(Config.model_validate(values), host=bench.live.host)
    bench.ports = {Releases: releases, Migrations: releases}
    return applied


@pytest.mark.row("N5")
async def test_migrations_are_run_once_somebody_else_has_approved_and_the_last_one_is_told_before_and_after(
    bench: Bench, tmp_path: Path
) -> None:
    applied = migrating(bench, tmp_path, "pwd; echo 2 >>$A")
    await bench.type("migrate new table")
    await bench.work()
    card = render(bench.chat.posted(CHANNEL)[-1]).text
    with pytest.raises(Exception, match="somebody else has to approve"):
        await bench.engine.approval.approve(bench.context(), (await bench.newest()).id)
    assert applied.read_text() == "1\n"

    operation = await bench.run("migrate new table")

    assert operation.state is OperationState.DONE, await bench.evidence(operation)
    assert "There is no way back" in card
    assert "The last migration was 1 and is 2." in await bench.evidence(operation)


@pytest.mark.row("N5")
async def test_the_first_migration_that_fails_stops_it_and_says_why(bench: Bench, tmp_path: Path) -> None:
    migrating(bench, tmp_path, 'echo 2 >>$A; echo "ERROR: relation notes exists" >&2; exit 1')

    operation = await bench.run("migrate")

    assert operation.state is OperationState.FAILED
    assert "relation notes exists" in await bench.evidence(operation)


@pytest.mark.row("N5")
@pytest.mark.parametrize(
    ("body", "more", "why"),
    [
        pytest.param("exit 0", {}, "The last migration is 1 as before: perhaps none was pending.", id="none pending"),
        pytest.param("exit 0", {"last_migration": ()}, "What was applied last is not known.", id="nothing tells"),
    ],
)
async def test_an_exit_code_of_0_is_no_proof(
    bench: Bench, tmp_path: Path, body: str, more: dict[str, object], why: str
) -> None:
    migrating(bench, tmp_path, body, **more)

    operation = await bench.run("migrate")

    assert operation.state is OperationState.UNVERIFIED
    assert why in await bench.evidence(operation)


@pytest.mark.row("N5")
async def test_what_a_dead_replica_began_is_waited_for_and_never_run_again(bench: Bench, tmp_path: Path) -> None:
    applied = migrating(bench, tmp_path, "echo 2 >>$A; sleep 2; echo 3 >>$A")
    await bench.type("migrate")
    operation = await bench.newest()
    await bench.engine.approval.approve(bench.context(CHIEF), operation.id)
    first = asyncio.create_task(bench.engine.run(operation.id))
    await until(lambda: "2" in applied.read_text())
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)

    await bench.engine.run(operation.id)

    assert (await bench.newest()).state is OperationState.UNVERIFIED
    assert "nobody saw the end. The last migration was 1 and is 3." in await bench.evidence(await bench.newest())
    assert applied.read_text() == "1\n2\n3\n"


@pytest.mark.row("N5")
async def test_a_freeze_stops_it_unless_there_is_a_reason(bench: Bench, tmp_path: Path) -> None:
    migrating(bench, tmp_path, "echo 2 >>$A")
    await bench.run("freeze --for 48h audit")

    with pytest.raises(Conflict, match="is frozen: audit"):
        await bench.type("migrate")
