"""Heap snapshots of real workers under PM2, by a signal that ends whoever was not started for it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from signal import SIGUSR2

import pytest

from bot.core.errors import Conflict, NotFound
from bot.core.heap import HeapSnapshots, Room
from bot.core.ports import Processes
from bot.core.results import OperationState
from bot.views import render
from integrations.heap import Config, NodeHeap
from tests.commands.bench import CHIEF, Bench
from tests.fakes import FakeProcesses
from tests.fixtures_gateway import pm2_cli, pm2_list


@pytest.fixture
def heap(bench: Bench) -> Iterator[Path]:
    """The folder in which the gateway's workers write."""
    folder = bench.live.demo.heap_dir
    bench.ports = {HeapSnapshots: NodeHeap(Config(folder=str(folder)), host=bench.live.host)}
    yield folder
    folder.chmod(0o700)
    for file in folder.iterdir():
        file.unlink()


@pytest.mark.row("Q")
@pytest.mark.timeout(120)
async def test_a_snapshot_is_done_when_its_file_is_complete_and_nobody_elses(bench: Bench, heap: Path) -> None:
    before = pm2_list(bench.live.demo)

    operation = await bench.run("heap-snapshot 0 memory grows")

    assert operation.state is OperationState.DONE, await bench.evidence(operation)
    (file,) = heap.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(file.read_bytes())["snapshot"]["node_count"] > 1000
    assert str(file) in await bench.evidence(operation)
    assert f".{before[0][1]}." in file.name
    assert "is online still" in await bench.evidence(operation)
    assert pm2_list(bench.live.demo) == before


@pytest.mark.row("Q")
async def test_it_takes_a_second_person_who_is_told_what_the_file_holds(bench: Bench, heap: Path) -> None:
    text = render(await bench.plan("heap-snapshot 1")).text

    assert "awaiting approval" in text
    assert "stands still while it writes" in text
    assert "customers' data and secrets" in text
    assert not list(heap.iterdir())


@pytest.mark.row("Q")
async def test_without_a_number_it_is_the_worker_with_the_most_memory(bench: Bench, heap: Path) -> None:
    most = max(await bench.live.processes.workers(), key=lambda worker: worker.memory or 0)

    assert f"{most.id}, pid {most.pid}" in render(await bench.plan("heap-snapshot")).text.replace("Worker: ", "")


@pytest.mark.row("Q")
@pytest.mark.timeout(120)
async def test_a_worker_that_was_not_started_for_it_is_left_alone(bench: Bench, heap: Path) -> None:
    """Without the option SIGUSR2 ends a process: that is the trap."""
    demo = bench.live.demo
    ecosystem = demo.app_dir / "ecosystem.config.js"
    before = ecosystem.read_text()
    ecosystem.write_text("\n".join(line for line in before.splitlines() if "node_args" not in line))
    pm2_cli(demo, "delete", "all")
    assert pm2_cli(demo, "start", "ecosystem.config.js", "--env", "production").returncode == 0
    ecosystem.write_text(before)
    rows = pm2_list(demo)

    with pytest.raises(Conflict, match="was not started for it: the signal would end it") as refused:
        await bench.type("heap-snapshot 0")

    untouched = pm2_list(demo)
    pm2_cli(demo, "delete", "all")
    assert f"--diagnostic-dir={heap}" in refused.value.hint
    assert untouched == rows


@pytest.mark.parametrize(
    ("setup", "ready"),
    [("pass", False), ("signal.signal(signal.SIGUSR2, lambda *_: None)", True)],
    ids=["does not catch it", "catches it"],
)
async def test_what_a_process_catches_is_asked_of_the_kernel(
    bench: Bench, heap: Path, setup: str, *, ready: bool
) -> None:
    process = waiting(setup)

    standing = await bench.service.port(HeapSnapshots).standing(process.pid)
    process.send_signal(SIGUSR2)
    process.communicate(b"")

    assert standing.is_ready is ready
    assert standing.memory > 1_000_000
    assert process.returncode == (0 if ready else -SIGUSR2)


def waiting(setup: str) -> subprocess.Popen[bytes]:
    """A process that has done `setup` and waits for the end of its input."""
    code = f"import signal, sys; {setup}; print(flush=True); sys.stdin.read()"
    process = subprocess.Popen((sys.executable, "-c", code), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.readline()
    return process


@pytest.mark.row("Q")
@pytest.mark.timeout(120)
async def test_a_worker_that_was_replaced_before_the_approval_is_not_signalled(bench: Bench, heap: Path) -> None:
    await bench.type("heap-snapshot 0 memory grows")
    operation = await bench.newest()
    pm2_cli(bench.live.demo, "restart", "0")

    card = await bench.engine.approval.approve(bench.context(CHIEF), operation.id)

    assert "worker 0 was pid" in render(card).text
    assert not list(heap.iterdir())


@pytest.mark.row("Q")
async def test_a_folder_that_others_may_enter_is_refused(bench: Bench, heap: Path) -> None:
    heap.chmod(0o755)

    with pytest.raises(Conflict, match="open to others"):
        await bench.type("heap-snapshot 0")


class Cramped(NodeHeap):
    """A host with as much room as it is said to have."""

    there = Room(1 << 40, 1 << 40, 0o700)

    async def room(self) -> Room:
        return self.there


@pytest.mark.row("Q")
@pytest.mark.parametrize(
    ("there", "words"),
    [(Room(1000, 1 << 40, 0o700), "free, and a snapshot may take"), (Room(1 << 40, 1000, 0o700), "of memory left")],
)
async def test_a_snapshot_that_would_fill_the_disk_or_the_memory_is_refused(
    bench: Bench, heap: Path, there: Room, words: str
) -> None:
    cramped = Cramped(Config(folder=str(heap)), host=bench.live.host)
    cramped.there = there
    bench.ports = {HeapSnapshots: cramped}

    with pytest.raises(Conflict, match=words):
        await bench.type("heap-snapshot 0")


@pytest.mark.row("Q")
@pytest.mark.timeout(120)
async def test_a_file_that_never_gets_its_end_is_no_snapshot(bench: Bench, heap: Path) -> None:
    pid = pm2_list(bench.live.demo)[0][1]
    port = bench.service.port(HeapSnapshots)
    (heap / f"Heap.20260302.090000.{pid}.0.001.heapsnapshot").write_text('{"snapshot":{"meta":{}},\n"nodes":[1,2')

    (cut,) = await port.of(pid)

    assert not cut.complete


async def test_a_worker_that_is_not_there_is_told_with_those_that_are(bench: Bench, heap: Path) -> None:
    with pytest.raises(NotFound, match="no worker 7 online"):
        await bench.type("heap-snapshot 7")


async def test_a_worker_in_a_container_is_refused_for_its_files_are_not_the_hosts(bench: Bench, heap: Path) -> None:
    workers = tuple(replace(worker, hostname="6f1c") for worker in await bench.live.processes.workers())
    bench.ports |= {Processes: FakeProcesses(workers)}

    with pytest.raises(Conflict, match="runs in a container"):
        await bench.type("heap-snapshot 0")
