"""The commands on Docker Compose and on systemd: stand-ins for the engines, with a service that really answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.core.errors import Conflict, UsageError
from bot.core.results import LogLines, OperationState
from integrations.http import HttpClient
from tests.commands.bench import Bench
from tests.managers import BAD, GOOD, Ground, ground
from tests.stand_ins import state as remembered

KINDS = ["docker compose", "systemd"]


@pytest.fixture(params=KINDS)
async def managed(request: pytest.FixtureRequest, bench: Bench, tmp_path: Path) -> AsyncIterator[tuple[Bench, Ground]]:
    """Two workers that were started by the command."""
    (tmp_path / "engine").mkdir()
    with ground(tmp_path / "engine", request.param) as here:
        async with HttpClient() as http:
            bench.ports |= here.ports(http=http)
            started = await bench.run("start")
            assert started.state is OperationState.DONE, await bench.evidence(started)
            yield bench, here


def argvs(here: Ground) -> list[str]:
    """What the engine was told to change, without the words before."""
    verbs = {"up", "stop", "rm", "start", "restart", "reset-failed"}
    found = []
    for call in here.calls:
        at = next((index for index, word in enumerate(call) if word in verbs), None)
        if at is not None:
            found.append(" ".join(call[at:]))
    return found


@pytest.mark.row("B2", "C2")
async def test_a_stop_ends_every_worker_but_nothing_else_and_a_start_brings_them_back(
    managed: tuple[Bench, Ground],
) -> None:
    bench, here = managed
    assert len(here.pids) == 2

    stopped = await bench.run("stop break-in suspected")
    assert stopped.state is OperationState.DONE, await bench.evidence(stopped)
    assert here.pids == []
    started = await bench.run("start")

    assert started.state is OperationState.DONE, await bench.evidence(started)
    assert f"each answers health of build {GOOD[:12]}" in await bench.evidence(started)
    assert len(here.pids) == 2
    if here.kind == "docker compose":
        assert argvs(here) == ["up --detach crypto-gateway", "stop crypto-gateway", "up --detach crypto-gateway"]
        assert not any("down" in call for call in here.calls)


@pytest.mark.row("D1", "D3", "D4")
@pytest.mark.parametrize("command", ["reload", "restart"])
async def test_workers_are_replaced_and_seen_to_answer_each(managed: tuple[Bench, Ground], command: str) -> None:
    bench, here = managed
    before = here.pids
    card = await bench.plan(command)

    operation = await bench.run(command)

    assert operation.state is OperationState.DONE, await bench.evidence(operation)
    assert "2 workers with new pids" in await bench.evidence(operation)
    assert not set(before) & set(here.pids)
    assert any(
        "Requests will be refused" in str(line) or "connections are dropped" in str(line) for line in card.warnings
    )
    if here.kind == "docker compose":
        assert argvs(here)[-1] == "up --detach --force-recreate --no-deps --scale crypto-gateway=2 crypto-gateway"
        assert not any(call[-2:-1] == ["restart"] for call in here.calls)
    else:
        assert argvs(here)[-4:] == [
            f"{verb} gateway@{number}.service" for number in (1, 2) for verb in ("reset-failed", "restart")
        ]


@pytest.mark.row("D1")
async def test_a_build_that_does_not_start_fails_the_reload(managed: tuple[Bench, Ground]) -> None:
    bench, here = managed
    here.set(build=BAD)

    operation = await bench.run("reload")

    assert operation.state is OperationState.FAILED, await bench.evidence(operation)
    # systemd stops at the first instance that does not come up; Compose has made all anew before anybody looks.
    assert len(here.pids) == {"docker compose": 0, "systemd": 1}[here.kind]


@pytest.mark.row("H4", "H5")
async def test_scaling_is_seen_and_taken_back(managed: tuple[Bench, Ground]) -> None:
    bench, here = managed

    down = await bench.run("scale 1 night")
    assert down.state is OperationState.DONE, await bench.evidence(down)
    assert len(here.pids) == 1
    assert "nothing has to change" in await bench.says("scale 1 again")
    reloaded = await bench.run("reload")
    assert reloaded.state is OperationState.DONE, await bench.evidence(reloaded)
    assert len(here.pids) == 1
    await bench.type(f"undo {down.id[:8]}")
    await bench.engine.approval.confirm(bench.context(), (await bench.newest()).id)
    await bench.work()

    assert (await bench.newest()).state is OperationState.DONE
    assert len(here.pids) == 2


@pytest.mark.row("G4", "G6")
async def test_maintenance_is_on_in_every_worker_and_off_again(managed: tuple[Bench, Ground]) -> None:
    bench, here = managed
    env_file = Path(here.state["env_file"])

    on = await bench.run("maintenance on 30m provider is down")
    assert on.state is OperationState.DONE, await bench.evidence(on)
    assert "2 of 2 workers say that maintenance is on; a customer's request is turned away" in await bench.evidence(on)
    assert env_file.read_text() == "ENABLE_MAINTENANCE_MODE=true\n"
    off = await bench.run("maintenance off")

    assert off.state is OperationState.DONE, await bench.evidence(off)
    assert env_file.read_text() == "ENABLE_MAINTENANCE_MODE=false\n"


@pytest.mark.row("H4")
async def test_reset_takes_away_who_gave_up_and_brings_back_the_declared_count(managed: tuple[Bench, Ground]) -> None:
    bench, here = managed
    [victim, other] = here.pids
    remembered.end(victim)

    operation = await bench.run("reset")

    assert operation.state is OperationState.DONE, await bench.evidence(operation)
    assert len(here.pids) == 2
    assert other in here.pids


async def test_processes_shows_the_workers_and_where_their_number_is_declared(managed: tuple[Bench, Ground]) -> None:
    bench, here = managed

    said = await bench.says("processes")

    assert all(str(pid) in said for pid in here.pids)
    assert GOOD[:12] in said
    assert {"docker compose": "compose.yaml", "systemd": "systemd.instances"}[here.kind] in said


@pytest.mark.row("E3")
async def test_logs_come_from_the_engine(managed: tuple[Bench, Ground]) -> None:
    bench, here = managed
    lines = [f"2026-03-02T09:00:0{second}.000000000Z payment {second} failed" for second in range(5)]
    here.set(logs=[lines[1::2], lines[::2]] if here.kind == "docker compose" else [lines])

    said = await bench.type("logs 3")
    found = await bench.type("logs 3 --grep 'PAYMENT 1'")

    assert isinstance(said, LogLines)
    assert list(said.lines) == lines[2:]
    assert isinstance(found, LogLines)
    assert list(found.lines) == lines[1:2]
    with pytest.raises(UsageError, match="standard error apart"):
        await bench.type("logs 3 --err")


@pytest.mark.row("E3", "H1")
async def test_errors_are_counted_in_the_logs_of_the_engine(managed: tuple[Bench, Ground]) -> None:
    bench, here = managed
    front = {"docker compose": "2026-03-02T08:{}:00.000000000Z ", "systemd": "2026-03-02T08:{}:00+0000 web-1 node[7]: "}
    line = front[here.kind] + '{{"level":"{}","msg":"payment {} failed"}}'
    lines = [line.format(*each) for each in ((50, "error", 1), (51, "info", 2), (52, "error", 3))]
    old = line.format(10, "error", 4).replace("T08", "T07")
    here.set(logs=[[old, *lines]])

    said = await bench.says("errors for 1h")

    assert "2 error lines" in said
    assert "payment # failed" not in said  # a sample is shown, not its signature
    assert "payment 3 failed" in said


@pytest.mark.row("H4")
async def test_a_second_container_that_cannot_have_the_port_is_refused(bench: Bench, tmp_path: Path) -> None:
    section = {"ports": [{"mode": "ingress", "target": 3000, "published": "3000", "protocol": "tcp"}]}
    with ground(tmp_path, "docker compose", section=section) as here:
        async with HttpClient() as http:
            bench.ports |= here.ports(http=http)
            await bench.run("start")

            with pytest.raises(Conflict, match="port 3000 of the host") as refused:
                await bench.type("scale 2")

    assert "proxy" in refused.value.hint
