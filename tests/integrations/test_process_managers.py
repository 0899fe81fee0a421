"""What every process manager keeps to: PM2 as it is, Docker Compose and systemd on stand-ins for their engines."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import pytest

from bot.core.errors import IntegrationError
from bot.core.ports import Pingable, Processes
from bot.core.processes import Supervisor, Verb
from tests.fixtures_gateway import Live, other_pm2, pm2_list
from tests.managers import ground
from tests.stand_ins.state import is_there
from tests.waiting import until


class Manager(Processes, Supervisor, Pingable, Protocol):
    """All that is asked of a process manager."""


@dataclass(frozen=True, slots=True)
class Managed:
    """Two workers under a manager. `pids` are those of its processes, found out apart from it.

    `dead` is the same manager where its engine is not there; `slow` one whose changes take a while, and leave `begun`
    and `ended` in the folder.
    """

    manager: Manager
    pids: Callable[[], Sequence[int]]
    dead: Manager
    slow: Callable[[Path], Manager]


@pytest.fixture(params=["pm2", "docker compose", "docker compose before 2.21", "systemd"])
async def managed(request: pytest.FixtureRequest, live: Live, tmp_path: Path) -> AsyncIterator[Managed]:
    """Each in turn."""
    with ExitStack() as stack:
        if request.param == "pm2":
            yield Managed(
                live.processes,
                lambda: [pid for _, pid, _ in pm2_list(live.demo) if pid],
                other_pm2(live, pm2_home=str(tmp_path)),
                lambda folder: other_pm2(live, command=(slowly(folder, live.demo.pm2),)),
            )
            return
        old = request.param.endswith("2.21")
        kind = request.param.partition(" before")[0]
        (tmp_path / "here").mkdir()
        (tmp_path / "there").mkdir()
        here = stack.enter_context(ground(tmp_path / "here", kind, in_array=old))
        there = stack.enter_context(ground(tmp_path / "there", kind, down=True))
        await here.manager.change(Verb.START)

        def slow(folder: Path) -> Manager:
            if kind == "systemd":
                here.manager._config = here.manager._config.model_copy(
                    update={"helper": (slowly(folder, here.manager._config.helper),)}  # type: ignore[union-attr]
                )
            else:
                here.manager._compose = (slowly(folder, here.manager._compose),)  # type: ignore[union-attr]
            return here.manager

        yield Managed(here.manager, lambda: here.pids, there.manager, slow)


def slowly(folder: Path, command: Sequence[str]) -> str:
    """The command, but for changes that take a while."""
    script = folder / "slow"
    script.write_text(
        f"#!/bin/sh\ncase $1 in reload|up|*-unit) touch {folder}/begun; sleep 0.7; touch {folder}/ended;;\n"
        f'*) exec {shlex.join(command)} "$@";; esac\n'
    )
    script.chmod(0o755)
    return str(script)


async def pids(manager: Manager) -> list[int]:
    return sorted(worker.pid for worker in await manager.workers() if worker.pid)


async def test_each_worker_is_told_with_its_pid_on_the_host_and_since_when_it_runs(managed: Managed) -> None:
    workers = await managed.manager.workers()

    assert sorted(worker.pid for worker in workers) == sorted(managed.pids())
    assert [worker.status for worker in workers] == ["online", "online"]
    assert len({worker.id for worker in workers}) == len({worker.voice for worker in workers}) == 2
    for worker in workers:
        assert worker.started_at
        assert timedelta(seconds=-1) < datetime.now(UTC) - worker.started_at < timedelta(hours=1)
        assert worker.memory is None or worker.memory > 1_000_000


async def test_a_worker_that_died_is_listed_as_not_online_or_was_replaced(managed: Managed) -> None:
    [victim, other] = sorted(managed.pids())
    os.kill(victim, signal.SIGKILL)
    await until(lambda: not is_there(victim))

    workers = await managed.manager.workers()

    assert other in {worker.pid for worker in workers}
    assert victim not in {worker.pid for worker in workers if worker.status == "online"}


@pytest.mark.row("D1", "D4")
async def test_a_reload_leaves_as_many_workers_and_none_of_the_old_ones(managed: Managed) -> None:
    before = await pids(managed.manager)

    said = await managed.manager.reload()

    assert said == shlex.join(managed.manager.reload_argv())
    assert sorted(managed.pids()) == await pids(managed.manager)
    assert len(managed.pids()) == 2
    assert not set(before) & set(managed.pids())


@pytest.mark.row("B1", "B2", "C1")
async def test_a_stop_leaves_no_process_and_a_start_brings_the_declared_count_back(managed: Managed) -> None:
    before = managed.pids()

    said = await managed.manager.change(Verb.STOP)

    assert said == shlex.join(managed.manager.change_argv(Verb.STOP))
    assert managed.pids() == []
    assert {worker.status for worker in await managed.manager.workers()} <= {"stopped", "exited"}
    assert {worker.pid for worker in await managed.manager.workers()} <= {0}
    await managed.manager.change(Verb.START)
    assert len(managed.pids()) == 2
    assert not set(before) & set(managed.pids())


@pytest.mark.row("H4")
async def test_scaling_is_absolute_and_leaves_alone_who_stays(managed: Managed) -> None:
    before = managed.pids()
    declared = await managed.manager.declared()

    said = await managed.manager.change(Verb.SCALE, 1)
    one = managed.pids()
    await managed.manager.change(Verb.SCALE, 2)
    await managed.manager.change(Verb.SCALE, 2)

    assert said == shlex.join(managed.manager.change_argv(Verb.SCALE, 1))
    assert len(one) == 1
    assert set(one) <= set(before)
    assert len(managed.pids()) == 2
    assert declared == await managed.manager.declared()
    assert declared
    assert (declared.workers, declared.alone) == (2, "")


@pytest.mark.row("H4")
async def test_one_worker_can_be_taken_away_by_its_id(managed: Managed) -> None:
    first, *rest = await managed.manager.workers()

    await managed.manager.change(Verb.REMOVE, first.id)

    assert managed.pids() == [worker.pid for worker in rest]
    assert [worker.id for worker in await managed.manager.workers()] == [worker.id for worker in rest]


async def test_an_engine_that_is_not_there_is_an_error_never_a_service_without_workers(managed: Managed) -> None:
    for call in (
        managed.dead.workers(),
        managed.dead.reload(),
        managed.dead.change(Verb.START),
        managed.dead.change(Verb.STOP),
        managed.dead.ping(),
    ):
        with pytest.raises(IntegrationError):
            await call


async def test_waiting_until_nothing_changes_any_more_outlasts_a_change_that_was_left_alone(
    managed: Managed, tmp_path: Path
) -> None:
    manager = managed.slow(tmp_path)
    reload = asyncio.create_task(manager.reload())
    await until((tmp_path / "begun").exists)
    reload.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reload
    assert not (tmp_path / "ended").exists()

    await manager.wait_idle()

    assert (tmp_path / "ended").exists()


@pytest.mark.row("G5")
async def test_the_bots_own_secrets_do_not_reach_the_service(managed: Managed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPSBOT_SLACK__BOT_TOKEN", "xoxb-invented")

    await managed.manager.reload()

    for pid in managed.pids():
        assert b"xoxb-invented" not in Path(f"/proc/{pid}/environ").read_bytes()


async def test_a_key_that_the_manager_does_not_hand_out_is_none(managed: Managed) -> None:
    assert await managed.manager.handed_value("ENABLE_MAINTENANCE_MODE") is None


async def test_a_ping_tells_that_it_answers(managed: Managed) -> None:
    assert await managed.manager.ping()
