from __future__ import annotations

import asyncio
import json
import os
import shlex
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from bot.core.errors import Conflict, IntegrationError, NotFound
from bot.core.ports import Done
from integrations.local import Config as HostConfig
from integrations.local import LocalHost
from integrations.pm2 import Config, Pm2
from tests.fixtures_gateway import Live, pm2_cli, pm2_list
from tests.fixtures_gateway import other_pm2 as other
from tests.waiting import until


async def test_workers_are_told_by_named_fields_only(live: Live) -> None:
    workers = await live.processes.workers()

    assert [(worker.id, worker.pid, worker.status) for worker in workers] == pm2_list(live.demo)
    listed = json.loads(pm2_cli(live.demo, "jlist").stdout)
    assert [worker.restarts for worker in workers] == [row["pm2_env"]["restart_time"] for row in listed]
    assert {worker.mode for worker in workers} == {"cluster_mode"}
    for worker in workers:
        assert worker.memory
        assert worker.memory > 1_000_000
        assert worker.started_at
        assert timedelta() < datetime.now(UTC) - worker.started_at < timedelta(hours=1)


@pytest.mark.row("D1")
async def test_reload_replaces_every_worker(live: Live) -> None:
    before = {worker.pid for worker in await live.processes.workers()}

    said = await live.processes.reload()

    after = {worker.pid for worker in await live.processes.workers()}
    assert len(after) == 2
    assert not before & after
    assert said.endswith(f"reload {live.demo.name}")


@pytest.mark.row("D2")
async def test_a_reload_beside_one_that_somebody_else_began_is_refused_with_the_time_to_wait(live: Live) -> None:
    lock = live.demo.pm2_home / "reload.lock"
    lock.write_text(str(time.time_ns() // 1_000_000))  # as PM2 does, and leaves it when it is killed

    with pytest.raises(Conflict, match="reloading already") as refused:
        await live.processes.reload()

    lock.write_text("")
    assert refused.value.hint.startswith("Try again in ")
    assert 20 <= int(refused.value.hint.split()[3]) <= 30


async def test_who_asks_at_once_shares_a_list_and_who_asks_later_gets_a_newer_one(live: Live, tmp_path: Path) -> None:
    lists, script = tmp_path / "lists", tmp_path / "pm2"
    script.write_text(f'#!/bin/sh\necho begun >>{lists}\nexec {shlex.join(live.demo.pm2)} "$@"\n')
    script.chmod(0o755)
    processes = other(live, command=(str(script),))

    impatient = asyncio.create_task(processes.workers())
    together = asyncio.create_task(processes.declared())
    await asyncio.sleep(0)
    impatient.cancel()
    await until(lists.exists)
    later = await processes.workers()

    assert await together
    assert [worker.pid for worker in later] == [pid for _, pid, _ in pm2_list(live.demo)]
    assert lists.read_text() == "begun\n" * 2


async def test_two_reloads_of_the_bot_come_one_after_the_other(live: Live) -> None:
    said = await asyncio.gather(live.processes.reload(), live.processes.reload())

    assert len(said) == 2
    assert [status for *_, status in pm2_list(live.demo)] == ["online", "online"]


SLOW = """#!/bin/sh
[ "$1" = reload ] || exec {pm2} "$@"
touch {folder}/begun; sleep 0.7; touch {folder}/ended
"""


@pytest.fixture
def slow(live: Live, tmp_path: Path) -> str:
    """PM2, but for a reload that takes a while: it leaves `begun` and then `ended` in the test's folder."""
    script = tmp_path / "pm2"
    script.write_text(SLOW.format(pm2=shlex.join(live.demo.pm2), folder=tmp_path))
    script.chmod(0o755)
    return str(script)


async def cancelled_in_midst(processes: Pm2, folder: Path) -> None:
    """Begin a reload and leave it alone, as a bot that stops does."""
    reload = asyncio.create_task(processes.reload())
    for _ in range(1000):
        if (folder / "begun").exists():
            break
        await asyncio.sleep(0.01)
    reload.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reload
    assert not (folder / "ended").exists()


async def test_waiting_for_an_orphan_ends_when_the_orphan_ends(live: Live, slow: str, tmp_path: Path) -> None:
    processes = other(live, command=(slow,))
    await cancelled_in_midst(processes, tmp_path)

    await processes.wait_idle()

    assert (tmp_path / "ended").exists()


@pytest.mark.row("G5")
async def test_the_bots_own_secrets_reach_neither_the_app_nor_pm2(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPSBOT_SLACK__BOT_TOKEN", "xoxb-invented")

    await live.processes.reload()

    assert "--update-env" not in live.processes.reload_argv()
    assert "xoxb-invented" not in pm2_cli(live.demo, "jlist").stdout
    for worker in await live.processes.workers():
        assert b"xoxb-invented" not in Path(f"/proc/{worker.pid}/environ").read_bytes()


@pytest.mark.row("G4")
async def test_a_value_that_pm2_itself_hands_to_the_workers_is_told(live: Live) -> None:
    assert await live.processes.handed_value("ENABLE_MAINTENANCE_MODE") is None
    assert await live.processes.handed_value("NODE_ENV") == "production"


async def test_no_daemon_is_an_error_and_none_is_started(live: Live, tmp_path: Path) -> None:
    home = tmp_path / "pm2"
    home.mkdir()

    with pytest.raises(IntegrationError, match="No PM2 daemon is at"):
        await other(live, pm2_home=str(home)).workers()

    assert list(home.iterdir()) == []


async def test_a_daemon_that_died_is_an_error_and_none_is_started(live: Live, tmp_path: Path) -> None:
    home = tmp_path / "pm2"
    home.mkdir()
    (home / "pm2.pid").write_text("999999999")

    with pytest.raises(IntegrationError, match=r"\(pid 999999999\) is gone"):
        await other(live, pm2_home=str(home)).reload()

    assert [path.name for path in home.iterdir()] == ["pm2.pid"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
async def test_the_daemon_of_another_user_is_an_error(live: Live, tmp_path: Path) -> None:
    argv = ("/bin/sh", "-c", "sleep 30; true", "God Daemon")
    with subprocess.Popen(argv, user=65534, cwd="/") as theirs:  # noqa: ASYNC220 - ends below
        home = tmp_path / "pm2"
        home.mkdir()
        (home / "pm2.pid").write_text(str(theirs.pid))
        try:
            with pytest.raises(IntegrationError, match="belongs to the user with id 65534"):
                await other(live, pm2_home=str(home)).workers()
        finally:
            theirs.kill()


async def test_an_app_that_pm2_does_not_know_has_no_workers_and_cannot_be_reloaded(live: Live) -> None:
    stranger = other(live, app="something-else")

    assert await stranger.workers() == ()
    with pytest.raises(NotFound, match="PM2 knows no app called something-else"):
        await stranger.reload()


@pytest.mark.parametrize("app", ["/pay.*/", "all", "0", "--force", "a b", ""])
def test_only_a_plain_name_is_taken_for_an_app(app: str) -> None:
    with pytest.raises(ValidationError):
        Config(app=app, pm2_home="/srv/pm2")


async def test_a_stopped_worker_is_told_as_stopped(live: Live) -> None:
    pm2_cli(live.demo, "stop", "0")

    stopped = next(worker for worker in await live.processes.workers() if worker.id == 0)

    assert (stopped.status, stopped.pid, stopped.started_at) == ("stopped", 0, None)


async def test_log_files_are_those_that_pm2_writes(live: Live) -> None:
    files = await live.processes.log_files()

    assert {file.errors for file in files} == {True, False}
    assert all(Path(file.path).parent == live.demo.log_dir for file in files)


async def test_a_ping_tells_the_daemon_and_its_workers(live: Live) -> None:
    assert (await live.processes.ping()).endswith(f"runs {live.demo.name} with 2 workers")


async def test_an_answer_that_is_not_understood_is_an_error_without_what_it_said(live: Live, tmp_path: Path) -> None:
    for answer, words in [
        ("no json", "did not answer with JSON"),
        (f'[{{"name": "{live.demo.name}", "pm2_env": {{"TOKEN": "xoxb-invented"}}}}]', "something else than expected"),
    ]:
        script = tmp_path / "answer"
        script.write_text(answer)
        with pytest.raises(IntegrationError, match=words) as fault:
            await other(live, command=("sh", "-c", f"cat {script}")).workers()
        assert "xoxb" not in repr(fault.value)
        assert fault.value.__cause__ is None


async def test_a_command_that_fails_is_told_with_its_last_words(live: Live) -> None:
    with pytest.raises(IntegrationError, match="PM2 ended with 3 and said: out of order"):
        await other(live, command=("sh", "-c", "echo out of order >&2; exit 3")).workers()


STUB = """#!/bin/sh
# sudo as far as it matters: it closes what it inherited, and starts without the caller's environment.
printf '%s\\n' "$*" >> {log}
shift 3
exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
exec env -i "$@"
"""


async def test_another_user_is_reached_by_sudo_and_the_lock_is_held_all_the_same(
    live: Live, slow: str, tmp_path: Path
) -> None:
    log, stub = tmp_path / "log", tmp_path / "sudo"
    stub.write_text(STUB.format(log=log))
    stub.chmod(0o755)
    host = LocalHost(HostConfig(path=f"{tmp_path}:{live.demo.node_path}"))
    processes = other(live, host=host, command=(slow,), run_as="deploy", path=live.demo.node_path)
    await cancelled_in_midst(processes, tmp_path)

    await processes.wait_idle()

    assert (tmp_path / "ended").exists()
    assert len(await processes.workers()) == 2
    assert {line.partition("=")[0] for line in log.read_text().splitlines()} == {"-n -u deploy env HOME"}


class Recorder(LocalHost):
    """A host that remembers how long each command may take."""

    def __init__(self, path: str) -> None:
        super().__init__(HostConfig(path=path))
        self.limits: list[float] = []

    async def run(self, argv: object, *, within: timedelta = timedelta(), **options: object) -> Done:
        """Remember, then run."""
        self.limits.append(within.total_seconds())
        return await super().run(argv, within=within, **options)  # type: ignore[arg-type]


async def test_a_reload_is_given_the_time_that_its_workers_may_take(live: Live) -> None:
    host = Recorder(live.demo.node_path)

    await other(live, host=host).reload()

    assert host.limits[-1] == 2 * (5 + 3) + 15
