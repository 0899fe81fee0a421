"""A worker that crashes at each start and that PM2 starts again for ever: seen as that, and healed by nobody."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.core.parts import State
from bot.demo.gateway import Gateway
from tests.automation.conftest import Attended
from tests.fixtures_gateway import pm2_cli, pm2_list
from tests.waiting import until

pytestmark = [pytest.mark.timeout(240), pytest.mark.row("W", "D1")]

_AT_ONCE = "min_uptime: 100"
"""The least that PM2 takes: it counts no bad start of a worker from 1.6 s on, as of others after minutes."""


@pytest.fixture(params=["true", "false"], ids=["waits for ready", "online at once"])
def program(attended: Attended, request: pytest.FixtureRequest) -> Iterator[Path]:
    """What two workers run, started so that PM2 soon counts no bad start any more."""
    demo = attended.bench.live.demo
    ecosystem, program = demo.app_dir / "ecosystem.config.js", (demo.app_dir / "server.js").resolve()
    kept, whole = ecosystem.read_text(), program.read_bytes()
    changed, count = re.subn(r"min_uptime: \d+", _AT_ONCE, kept)
    assert count == 1
    changed = changed.replace("wait_ready: true", f"wait_ready: {request.param}")
    ecosystem.write_text(changed)
    start_anew(demo)
    yield program
    program.write_bytes(whole)
    ecosystem.write_text(kept)
    start_anew(demo)


def start_anew(demo: Gateway) -> None:
    """PM2 keeps what it has read of an ecosystem file until the app is deleted."""
    pm2_cli(demo, "delete", "all")
    assert pm2_cli(demo, "start", "ecosystem.config.js", "--env", "production").returncode == 0


async def test_a_worker_that_is_started_without_end_is_told_as_that_until_it_stays(
    attended: Attended, program: Path
) -> None:
    attended.allow("heal")
    demo, whole = attended.bench.live.demo, program.read_bytes()
    for _ in range(3):
        await attended.look_now()
    program.write_text("process.exit(1);\n")
    os.kill(pm2_list(demo)[0][1], signal.SIGKILL)
    for _ in range(8):
        await attended.look_now()
    card = attended.message("Worker restarts")
    why, status = await attended.bench.says("why down"), await attended.bench.says("status")
    states = {status for _, _, status in pm2_list(demo)}
    program.write_bytes(whole)
    await until(lambda: {status for _, _, status in pm2_list(demo)} == {"online"})
    await attended.look(4)

    assert "errored" not in states
    assert card.state is State.FAIL
    assert [each.label for each in card.buttons][1:3] == ["Next: errors", "Or: rollback"]
    for said in (str(card.lines), why, status):
        assert "times within 2m30s and not given up" in said
    assert "Workers: ✗ fail" in status
    assert await attended.operations() == []
    assert await attended.cases() == ()
    assert attended.message("Worker restarts").state is State.OK
