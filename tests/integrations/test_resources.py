"""The resources of a real host, its own or reached over SSH, beside what another library reads there."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from bot.core.ports import Host
from integrations.resources import Config, ProcResources


@pytest.mark.row("H2")
async def test_what_the_host_says_is_what_another_library_reads(host: Host) -> None:
    resources = ProcResources(Config(), host=host)

    memory, swap, cpu = await resources.memory(), await resources.swap(), await resources.cpu()
    disks, up, load = await resources.disks(), await resources.uptime(), await resources.load()

    seen = psutil.virtual_memory()
    assert memory.whole == seen.total
    assert abs(memory.used - (seen.total - seen.available)) < 0.1 * seen.total
    assert swap.whole == psutil.swap_memory().total
    assert cpu.cores == psutil.cpu_count()
    assert 0 <= cpu.busy <= 100
    (root,) = [disk for disk in disks if disk.name == "/"]
    assert root.percent == pytest.approx(psutil.disk_usage("/").percent, abs=1)
    assert up.total_seconds() == pytest.approx(float(Path("/proc/uptime").read_text().split()[0]), abs=5)
    assert load[2] == pytest.approx(psutil.getloadavg()[2], abs=1)


@pytest.mark.row("H2")
async def test_open_files_of_one_process_are_counted_against_its_own_limit(host: Host) -> None:
    resources = ProcResources(Config(), host=host)
    before = await resources.open_files(os.getpid())
    more = [os.open("/dev/null", os.O_RDONLY) for _ in range(50)]
    after = await resources.open_files(os.getpid())
    for each in more:
        os.close(each)

    assert after.used - before.used == pytest.approx(50, abs=8)
    assert after.whole == psutil.Process().rlimit(psutil.RLIMIT_NOFILE)[0]
