"""Deploying and rolling back on real git and real PM2, with customers at the door."""

from __future__ import annotations

import asyncio
import subprocess
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from bot.core.errors import Conflict, NotFound, UsageError
from bot.core.parts import Button, Style
from bot.core.ports import Backups
from bot.core.releases import Releases
from bot.core.results import OperationState, Progress
from bot.core.windows import Window, WindowState
from bot.demo.gateway import Gateway
from bot.views import render
from integrations.backups import BackupFolder
from integrations.backups import Config as FolderConfig
from integrations.releases import Config, GitReleases
from tests.commands.bench import CHANNEL, Bench
from tests.fixtures_gateway import check_out, pm2_cli, releases_of

pytestmark = pytest.mark.timeout(180)


def git(demo: Gateway, *arguments: str) -> str:
    argv = ("git", "-C", str(demo.app_dir.resolve()), "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments)
    return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=30).stdout.strip()


@pytest.fixture
def deploying(bench: Bench) -> Bench:
    """The bench with the releases of the shared gateway."""
    demo = bench.live.demo
    bench.ports = {Releases: releases_of(demo, host=bench.live.host)}
    return bench


async def builds(bench: Bench) -> set[str]:
    """What each worker tells."""
    workers = await bench.live.processes.workers()
    answers = await bench.live.gateway.health_by_worker([worker.pid for worker in workers])
    return {str(health.body["sha"]) for health in answers.values()}


@asynccontextmanager
async def customers(demo: Gateway) -> AsyncIterator[Counter[object]]:
    """Four of them, each request on a new connection; what came of the requests."""
    seen: Counter[object] = Counter()
    stop = asyncio.Event()

    async def ask(session: aiohttp.ClientSession) -> None:
        while not stop.is_set():
            try:
                async with session.get(f"{demo.url}/health") as answer:
                    await answer.read()
                    seen[answer.status] += 1
            except aiohttp.ClientError as error:
                seen[type(error).__name__] += 1
            await asyncio.sleep(0.01)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        tasks = [asyncio.create_task(ask(session)) for _ in range(4)]
        try:
            yield seen
        finally:
            stop.set()
            await asyncio.gather(*tasks)


@pytest.mark.row("O1", "O4", "N4", "N5", "D1")
async def test_a_rollback_loses_no_request_and_is_seen_in_every_worker(deploying: Bench) -> None:
    demo = deploying.live.demo
    card = render(await deploying.type("rollback to v1.1.0 fees are wrong")).text
    assert "Keep the fees in the source" in card
    assert demo.releases["v1.1.0"][:12] in card

    async with customers(demo) as seen:
        operation = await deploying.run("rollback to v1.1.0 fees are wrong")

    assert operation.state is OperationState.DONE, await deploying.evidence(operation)
    assert await builds(deploying) == {demo.releases["v1.1.0"]}
    assert seen[200] > 50
    assert set(seen) == {200}
    assert operation.reason == "fees are wrong"


@pytest.mark.row("O1", "N5")
@pytest.mark.parametrize(
    ("release", "step", "why"),
    [
        ("v1.2.0-badbuild", "failed: Build it", "JSON"),
        ("v1.3.0-badstart", "failed: Start it on a spare port", "ended at its start"),
    ],
)
async def test_a_release_that_cannot_be_built_or_started_never_runs_and_loses_nothing(
    deploying: Bench, release: str, step: str, why: str
) -> None:
    demo = deploying.live.demo
    before = {worker.pid for worker in await deploying.live.processes.workers()}

    async with customers(demo) as seen:
        operation = await deploying.run(f"deploy {release} looks fine")

    evidence = await deploying.evidence(operation)
    assert operation.state is OperationState.FAILED, evidence
    assert "Nothing that is in use was touched" in operation.why
    assert step in evidence
    assert why in evidence
    assert set(seen) == {200}
    assert await builds(deploying) == {demo.releases["v1.4.0"]}
    assert (demo.app_dir.resolve()).name == "first"
    assert before == {worker.pid for worker in await deploying.live.processes.workers()}  # none was reloaded


@pytest.mark.row("O2")
async def test_a_rollback_goes_to_what_was_deployed_before_and_a_second_one_further_back(deploying: Bench) -> None:
    releases = deploying.live.demo.releases
    await deploying.run("deploy v1.0.0 start of the story")
    await deploying.run("deploy v1.1.0 next")
    await deploying.run("deploy v1.4.0 newest")

    await deploying.run("rollback first")
    assert await builds(deploying) == {releases["v1.1.0"]}  # not HEAD~1, which has a start that fails
    await deploying.run("rollback second")
    assert await builds(deploying) == {releases["v1.0.0"]}

    newest = await deploying.newest()
    assert "before" in await deploying.says("releases")
    await deploying.type(f"undo {newest.id[:8]}")
    forward = await deploying.newest()
    assert forward.plan.title == "Deploy v1.1.0"


@pytest.mark.row("O2", "O1")
async def test_what_somebody_deployed_by_hand_is_rolled_back_to_what_was_there_before(deploying: Bench) -> None:
    demo = deploying.live.demo
    check_out(demo, "v1.3.0-badstart")
    pm2_cli(demo, "reload", demo.name)
    assert "lists" not in await deploying.says("processes")

    operation = await deploying.run("rollback everything is down")

    assert operation.state is OperationState.DONE, await deploying.evidence(operation)
    assert await builds(deploying) == {demo.releases["v1.4.0"]}


@pytest.mark.row("O2")
async def test_git_is_believed_though_it_has_forgotten_all_but_the_last_checkout(deploying: Bench) -> None:
    demo = deploying.live.demo
    check_out(demo, "v1.3.0-badstart")
    log = demo.app_dir / ".git" / "logs" / "HEAD"
    log.write_text(log.read_text().splitlines(keepends=True)[-1])

    found = await deploying.service.port(Releases).before_by_hand()

    assert found == demo.releases["v1.4.0"]


@pytest.mark.row("N3")
async def test_what_a_colleague_has_pushed_is_fetched_and_the_checkout_is_left_where_it_is(
    deploying: Bench, tmp_path: Path
) -> None:
    demo = deploying.live.demo
    origin, before = tmp_path / "origin.git", git(demo, "rev-parse", "HEAD")
    git(demo, "clone", "--quiet", "--bare", ".", str(origin))
    pushed = git(demo, "-C", str(origin), "commit-tree", "-p", "main", "-m", "Fees", "main^{tree}")
    git(demo, "-C", str(origin), "tag", "v1.5.0", pushed)
    git(demo, "remote", "add", "origin", str(origin))
    try:
        card = render(await deploying.plan("deploy v1.5.0")).text
        after = git(demo, "rev-parse", "HEAD")
    finally:
        git(demo, "remote", "remove", "origin")
        git(demo, "tag", "--delete", "v1.5.0")

    assert f"{pushed[:12]}" in card
    assert "Fees" in card
    assert after == before


@pytest.mark.row("O2")
async def test_local_edits_stop_a_rollback_unless_there_is_a_reason(deploying: Bench) -> None:
    server = deploying.live.demo.app_dir / "server.js"
    before = server.read_text()
    server.write_text(f"{before}// by hand\n")
    try:
        with pytest.raises(Conflict, match=r"(?i)edited by hand.*server\.js"):
            await deploying.type("rollback to v1.1.0 because")
        card = render(await deploying.type('rollback to v1.1.0 because --override "it is a comment"')).text
    finally:
        server.write_text(before)

    assert "Overridden" in card


@pytest.mark.row("O2", "N5")
async def test_a_migration_in_between_stops_it_unless_there_is_a_reason(deploying: Bench) -> None:
    demo = deploying.live.demo
    tree = Path(demo.app_dir.resolve())
    (tree / "migrations").mkdir()
    (tree / "migrations" / "002.sql").write_text("alter table payments add note text;\n")
    git(demo, "add", "migrations")
    sha = git(demo, "commit-tree", git(demo, "write-tree"), "-p", "HEAD", "-m", "Add a note")
    git(demo, "rm", "-q", "--cached", "migrations/002.sql")
    (tree / "migrations" / "002.sql").unlink()
    (tree / "migrations").rmdir()

    with pytest.raises(Conflict, match=r"schema changes between the two, which is not undone: migrations/002\.sql"):
        await deploying.type(f"deploy {sha} notes")
    card = render(await deploying.type(f'deploy {sha} notes --override "it only adds a column"')).text

    assert "Overridden" in card


@pytest.mark.row("O2")
@pytest.mark.parametrize("ref", ["nowhere", "-n", "HEAD~99", "v1.1.0;id", "$(id)"])
async def test_a_name_that_means_no_commit_is_told_so(deploying: Bench, ref: str) -> None:
    with pytest.raises((NotFound, UsageError)):
        await deploying.type(f"deploy '{ref}' please")


@pytest.mark.row("O3")
async def test_a_place_that_is_no_link_to_a_release_is_refused_with_the_way_to_make_it_one(deploying: Bench) -> None:
    demo = deploying.live.demo
    config = Config(link=str(demo.app_dir.resolve()), folder=str(demo.home), repository=str(demo.app_dir))
    deploying.ports = {Releases: GitReleases(config, host=deploying.live.host)}

    with pytest.raises(Conflict, match="is no link to a release") as refused:
        await deploying.type("rollback")

    assert "docs/actions/releases.md" in refused.value.hint


async def test_a_freeze_stops_deploy_rollback_and_scale_and_a_reason_goes_past_it(deploying: Bench) -> None:
    await deploying.run("freeze --for 48h audit")

    for typed in ("deploy v1.1.0", "rollback to v1.1.0 now", "scale 3"):
        with pytest.raises(Conflict, match="is frozen: audit"):
            await deploying.type(typed)
    card = render(await deploying.type('scale 3 --override "customers wait"')).text
    await deploying.run("freeze off")

    assert "A freeze is overridden" in card
    assert "scale" in (await deploying.says("scale 3")).lower()
    assert "Freeze deployments" in await deploying.says("changes 2h")


@pytest.mark.row("N2")
async def test_inside_a_maintenance_window_a_deployment_waits_for_a_backup(deploying: Bench, tmp_path: Path) -> None:
    service, now = deploying.service.name, deploying.clock()
    hour = timedelta(hours=1)
    window = Window("w1", service, "C", "U", "Update", now, now + hour, "", WindowState.OPEN, began_at=now - hour)
    async with deploying.store.transaction() as tx:
        await tx.windows.book(window)
    deploying.ports[Backups] = BackupFolder(FolderConfig(folder=str(tmp_path)), host=deploying.live.host)

    with pytest.raises(Conflict, match="No backup was made since the maintenance window began"):
        await deploying.type("deploy v1.1.0")
    (tmp_path / "made.sql").write_text("select 1;")

    assert "Deploy v1.1.0" in await deploying.says("deploy v1.1.0")


async def test_without_a_record_the_release_has_to_be_named(deploying: Bench) -> None:
    git(deploying.live.demo, "reflog", "expire", "--expire=now", "--all")

    with pytest.raises(UsageError, match="I do not know what was deployed before"):
        await deploying.type("rollback")


@pytest.mark.row("D1", "O1")
async def test_a_reload_that_ends_in_an_outage_offers_the_way_back(deploying: Bench) -> None:
    bench, demo = deploying, deploying.live.demo
    check_out(demo, "v1.3.0-badstart")

    operation = await bench.run("reload")
    card = bench.chat.posted(CHANNEL)[-1]
    assert isinstance(card, Progress)
    assert card.state is OperationState.FAILED
    assert card.buttons == (Button("Rollback", "operation.rescue", operation.id, Style.PRIMARY),)
    bench.clock.advance(timedelta(seconds=1))
    await bench.engine.rescue(bench.context(), operation.id)
    await bench.engine.approval.confirm(bench.context(), (await bench.newest()).id)
    await bench.work()

    back = await bench.newest()
    assert back.state is OperationState.DONE, await bench.evidence(back)
    assert await builds(bench) == {demo.releases["v1.4.0"]}
    with pytest.raises(Conflict, match="nothing is offered"):
        await bench.engine.rescue(bench.context(), back.id)
