"""The end of PM2's daemon with all of its apps, and their way back, on real PM2."""

from __future__ import annotations

import asyncio
import os
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.core.daemon import Act, Daemon
from bot.core.errors import Conflict, IntegrationError, NotAllowed, NotFound
from bot.core.results import OperationState, PlanState
from bot.views import render
from tests.commands.bench import Bench
from tests.fixtures_gateway import Live, pm2_cli, pm2_list
from tests.fixtures_gateway import other_pm2 as other

pytestmark = pytest.mark.row("C3")

NEIGHBOUR = "setInterval(() => {}, 1000)"
"""Another app of the same user."""


@pytest.fixture
def crowd(bench: Bench, tmp_path: Path) -> Iterator[Bench]:
    """A second app beside the gateway, of one worker, with a secret in its environment."""
    script = tmp_path / "neighbour.js"
    script.write_text(NEIGHBOUR)
    demo = bench.live.demo
    (demo.pm2_home / "dump.pm2").unlink(missing_ok=True)
    assert pm2_cli(demo, "start", str(script), "--name", "neighbour").returncode == 0
    yield bench
    pm2_cli(demo, "delete", "neighbour")
    (demo.pm2_home / "dump.pm2").unlink(missing_ok=True)
    (demo.pm2_home / "dump.pm2.bak").unlink(missing_ok=True)


def dumps(live: Live) -> list[Path]:
    return [live.demo.pm2_home / name for name in ("dump.pm2", "dump.pm2.bak")]


async def test_kill_takes_two_people_saves_first_and_resurrect_brings_every_app_back(crowd: Bench) -> None:
    old = os.umask(0o022)  # PM2 would let everybody read what it saves
    card = await crowd.plan("pm2 kill it starts what nobody asked for")
    shown = render(card).text.replace("`", "")
    assert card.state is PlanState.AWAITING_APPROVAL
    assert f"{crowd.live.demo.name}: 2 workers" in shown
    assert "neighbour: 1 worker (" in shown

    killed = await crowd.run("pm2 kill it starts what nobody asked for")
    os.umask(old)

    assert killed.state is OperationState.DONE, await crowd.evidence(killed)
    evidence = await crowd.evidence(killed)
    assert f"Saved, for its user alone to read: {crowd.live.demo.name} with 2 workers, neighbour with 1" in evidence
    assert "The daemon and its 3 processes are gone, and nobody answers" in evidence
    assert [f"{file.stat().st_mode & 0o777:o}" for file in dumps(crowd.live)] == ["600", "600"]
    with pytest.raises(IntegrationError, match="No PM2 daemon"):
        await crowd.type("processes")

    await crowd.type(f"undo {killed.id[:8]}")
    back = await crowd.newest()
    await crowd.engine.approval.confirm(crowd.context(), back.id)
    await crowd.work()

    back = await crowd.newest()
    assert back.state is OperationState.DONE, await crowd.evidence(back)
    assert "neighbour with 1 worker. 2 workers" in await crowd.evidence(back)
    assert [status for *_, status in await asyncio.to_thread(pm2_list, crowd.live.demo)] == ["online"] * 3
    await crowd.live.processes.wait_idle()  # the new daemon does not hold the lock of who started it


async def test_nobody_kills_alone_whatever_happens(crowd: Bench) -> None:
    with pytest.raises(NotAllowed, match="two people"):
        await crowd.type('pm2 kill --break-glass "alone at night"')


async def test_no_secret_of_what_was_saved_is_told(crowd: Bench) -> None:
    live = crowd.live
    await live.processes.act(Act.SAVE)
    assert "NODE_ENV" in dumps(live)[0].read_text()

    assert set(vars_of := (await live.processes.dump()).apps) == {live.demo.name, "neighbour"}  # type: ignore[union-attr]
    assert vars_of == {live.demo.name: 2, "neighbour": 1}


async def test_a_save_that_wrote_something_else_stops_before_the_kill(crowd: Bench, tmp_path: Path) -> None:
    script = tmp_path / "pm2"
    script.write_text(
        f'#!/bin/sh\n[ "$1" = save ] || exec {shlex.join(crowd.live.demo.pm2)} "$@"\n'
        'echo \'[{"name": "other"}]\' > "$PM2_HOME/dump.pm2"\n'
    )
    script.chmod(0o755)
    crowd.ports[Daemon] = other(crowd.live, command=(str(script),))

    operation = await crowd.run("pm2 kill")

    assert operation.state is OperationState.FAILED
    assert "Saved is other with 1 worker." in await crowd.evidence(operation)
    assert [status for *_, status in await asyncio.to_thread(pm2_list, crowd.live.demo)] == ["online"] * 3


async def test_the_bot_does_not_kill_the_daemon_that_runs_it(
    crowd: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _, pid, _ = (await asyncio.to_thread(pm2_list, crowd.live.demo))[-1]
    script = tmp_path / "pm2"
    script.write_text(
        f'#!/bin/sh\n{shlex.join(crowd.live.demo.pm2)} "$@" | sed "s/\\"pid\\":{pid}\\b/\\"pid\\":{os.getpid()}/"\n'
    )
    script.chmod(0o755)
    crowd.ports[Daemon] = other(crowd.live, command=(str(script),))
    monkeypatch.setenv("pm_id", "2")  # as PM2 gives it to each of its apps

    with pytest.raises(Conflict, match="I am one of the apps"):
        await crowd.type("pm2 kill")


async def test_nothing_is_brought_back_beside_a_daemon_that_runs_nor_from_nothing(crowd: Bench, tmp_path: Path) -> None:
    with pytest.raises(Conflict, match="The daemon runs"):
        await crowd.type("pm2 resurrect")
    crowd.ports[Daemon] = other(crowd.live, pm2_home=str(tmp_path))
    with pytest.raises(NotFound, match="Nothing was saved"):
        await crowd.type("pm2 resurrect")


async def test_a_home_that_cannot_be_looked_into_is_no_absent_daemon(crowd: Bench, tmp_path: Path) -> None:
    with pytest.raises(IntegrationError, match="cannot be looked into"):
        await other(crowd.live, pm2_home=str(tmp_path / "elsewhere")).running()
