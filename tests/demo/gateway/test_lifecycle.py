"""However a gateway ends, nothing of it is left."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from bot.demo.gateway import Gateway, GatewayError, Options
from bot.demo.gateway.commands import run
from bot.demo.tools import Tools
from tests.waiting import until

PLAIN = Options(broken=False, postgres=False, redis=False, load=False)
PROJECT = Path(__file__).resolve().parents[3]

OWNER = """
import asyncio, sys
from pathlib import Path
from bot.demo.gateway import Gateway

async def main():
    async with Gateway.open(Path(sys.argv[1]), say=lambda line: print(line, flush=True)) as gateway:
        print("up", flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


def belonging(root: Path) -> list[psutil.Process]:
    """Every living process that knows the root: by its environment, its working folder or its arguments."""
    return [process for process in psutil.process_iter() if process.pid != os.getpid() and knows(process, root)]


def knows(process: psutil.Process, root: Path) -> bool:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        texts = [*process.environ().values(), *process.cmdline(), process.cwd()]
    except (psutil.Error, OSError):
        return False
    return any(str(root) in text for text in texts)


def names(root: Path) -> set[str]:
    found = set()
    for process in belonging(root):
        with contextlib.suppress(psutil.Error):  # one of Postgres's own, which come and go
            found.add(process.name())
    return found


def is_reaper(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return any(argument.endswith("reaper.py") for argument in process.cmdline())
    return True  # gone meanwhile


@pytest.fixture
def owner(root: Path) -> Iterator[subprocess.Popen[str]]:
    """Another Python process, leader of its own group, that opens a gateway with everything in `root`."""
    argv = [sys.executable, "-W", "ignore", "-c", OWNER, str(root)]
    with subprocess.Popen(argv, cwd=PROJECT, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        yield process
        process.kill()


def wait_for(owner: subprocess.Popen[str], said: str) -> None:
    assert owner.stdout
    for line in owner.stdout:
        if said in line:
            return
    pytest.fail(f"the owner ended before it said {said!r}")


async def test_closing_leaves_nothing_and_closing_again_is_nothing(root: Path) -> None:
    async with Gateway.open(root) as gateway:
        running = names(root)
        await gateway.close()

        assert belonging(root) == []
    assert running >= {"redis-server", "postgres", "node"}


async def test_a_killed_owner_leaves_nothing(root: Path, owner: subprocess.Popen[str]) -> None:
    wait_for(owner, "up")
    running = belonging(root)
    owner.kill()
    await until(lambda: not belonging(root))

    assert len(running) > 8


async def test_ctrl_c_leaves_nothing(root: Path, owner: subprocess.Popen[str]) -> None:
    wait_for(owner, "up")
    os.killpg(owner.pid, signal.SIGINT)
    await asyncio.to_thread(owner.wait, 20)

    assert belonging(root) == []


@pytest.mark.parametrize("said", ["PM2", "customers"])
async def test_an_owner_killed_while_it_starts_leaves_nothing(
    root: Path, owner: subprocess.Popen[str], said: str
) -> None:
    wait_for(owner, said)
    await asyncio.sleep(0.15)
    owner.kill()

    await until(lambda: not belonging(root))


async def test_an_owner_killed_while_it_makes_its_cluster_does_not_spoil_the_root(
    root: Path, owner: subprocess.Popen[str]
) -> None:
    wait_for(owner, "Postgres")
    await asyncio.sleep(0.2)  # into the middle of initdb
    owner.kill()
    await until(lambda: not belonging(root))
    async with Gateway.open(root, broken=False, redis=False, load=False) as gateway:
        _, body = await gateway.http("/health/dependencies")

    assert body["database"]["ok"]
    assert not list(root.glob("postgres.new-*"))


async def test_a_root_can_be_used_again_at_once_after_its_owner_was_killed(
    root: Path, owner: subprocess.Popen[str]
) -> None:
    wait_for(owner, "up")
    owner.kill()
    owner.wait()
    async with Gateway.open(root) as gateway:
        _, body = await gateway.http("/api/payments?status=pending")

    assert body["count"] == 5


async def test_what_a_killed_reaper_left_behind_is_ended_by_the_next_gateway(
    root: Path, owner: subprocess.Popen[str]
) -> None:
    wait_for(owner, "up")
    for process in belonging(root):
        if is_reaper(process):
            process.kill()
    owner.kill()
    owner.wait()
    left, running = set(belonging(root)), names(root)
    async with Gateway.open(root, broken=False, postgres=False, redis=False, load=False):
        still_there = left & set(belonging(root))

    assert running >= {"redis-server", "postgres", "node"}
    assert still_there == set()


async def test_a_pm2_that_was_killed_and_started_by_someone_else_is_ended_too(root: Path) -> None:
    gateway = await Gateway.start(root, PLAIN)
    env = {"PATH": gateway.node_path, "HOME": str(gateway.home), "PM2_HOME": str(gateway.pm2_home)}
    await run((*gateway.pm2, "kill"), env=env, cwd=root)
    without_daemon = await gateway.workers()
    only_the_reaper = all(is_reaper(process) for process in belonging(root))
    await run((*gateway.pm2, "start", "ecosystem.config.js"), env=env, cwd=gateway.app_dir)
    again = await gateway.workers()
    await gateway.close()

    assert without_daemon == []
    assert only_the_reaper
    assert [worker.status for worker in again] == ["online", "online"]
    assert belonging(root) == []


async def test_a_root_in_use_is_refused(root: Path) -> None:
    async with Gateway.open(root, broken=False, postgres=False, redis=False, load=False) as gateway:
        with pytest.raises(GatewayError, match="another gateway is running in"):
            await Gateway.start(root, PLAIN)

        assert len(await gateway.pids_answering(6)) == 2


async def test_a_root_whose_path_is_too_long_for_a_socket_works(root: Path) -> None:
    deep = root / ("deep" * 20) / ("down" * 20)
    async with Gateway.open(deep, broken=False, redis=False, load=False) as gateway:
        assert len(await gateway.workers()) == 2
        assert (await gateway.http("/health/dependencies"))[0] == 200
        home = gateway.pm2_home

    assert belonging(deep) == []
    assert not home.parent.parent.exists()


async def test_a_start_that_fails_says_which_part_and_leaves_nothing(
    root: Path, tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    lame = root / "tools" / tools.modules.parent.name / "node_modules"
    (lame / "pm2" / "bin").mkdir(parents=True)
    (lame / "pm2" / "bin" / "pm2").write_text("console.error('no room for workers'); process.exit(1)\n")
    (lame / "dotenv").symlink_to(tools.modules / "dotenv")
    monkeypatch.setenv("OPSBOT_TOOLS", str(root / "tools"))

    with pytest.raises(GatewayError, match=r"(?s)pm2 start .*ended with 1.*no room for workers"):
        await Gateway.start(root / "gateway", Options())

    assert belonging(root / "gateway") == []


async def test_a_start_that_is_cancelled_leaves_nothing(root: Path) -> None:
    reached = asyncio.Event()
    start = asyncio.create_task(Gateway.start(root, Options(), say=lambda _: reached.set()))
    await reached.wait()
    await asyncio.sleep(0.1)  # into the middle of initdb
    start.cancel()

    with pytest.raises(asyncio.CancelledError):
        await start
    assert belonging(root) == []
