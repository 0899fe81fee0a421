"""What the host has left: the real one, and hosts whose tools answer as others were seen to."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.core.errors import IntegrationError
from bot.core.parts import State
from bot.core.ports import Host, Processes
from bot.core.resources import Resources
from bot.core.results import Checks
from integrations import local
from integrations.resources import Config, ProcResources
from tests.commands.bench import Bench
from tests.fakes import FakeProcesses, worker

# Recorded from a Debian host with a snap, a bind mount, a network share and a desktop; figures changed.
MOUNTS = """\
udev /dev devtmpfs rw,nosuid 0 0
tmpfs /run tmpfs rw,nosuid 0 0
/dev/mapper/vg-root / ext4 rw,relatime 0 0
/dev/loop3 /snap/core20/2318 squashfs ro,nodev 0 0
/dev/mapper/vg-root /var/lib/docker/volumes ext4 rw,relatime 0 0
backup:/srv/backups /mnt/back\\040ups nfs4 rw 0 0
portal /run/user/1000/doc fuse.portal rw 0 0
"""
BLOCKS = """\
Filesystem              1024-blocks     Used Available Capacity Mounted on
/dev/mapper/vg-root       263174212 250015501  13158711      95% /
backup:/srv/backups      1000000000 400000000 600000000      40% /mnt/back ups
"""
INODES = """\
Filesystem              Inodes   IUsed    IFree IUse% Mounted on
/dev/mapper/vg-root   16777216 16777216       0  100% /
backup:/srv/backups          0        0       0     - /mnt/back ups
"""


BLIND = {"CPU", "Load", "Memory", "Swap", "Disks", "Inodes", "Open files", "Up"}


def host_on(path: str) -> ProcResources:
    return ProcResources(Config(), host=local.LocalHost(local.Config(path=path)))


@pytest.fixture
def real(bench: Bench) -> Bench:
    bench.ports = {Resources: ProcResources(Config(), host=bench.live.service.port(Host))}
    return bench


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder that comes first on the host's PATH: stand-ins that replay what other hosts answered."""
    (tmp_path / "tools").mkdir()
    return tmp_path / "tools"


def replay(tools: Path, name: str, script: str) -> str:
    """A tool that runs `script`; returns the PATH."""
    (tools / name).write_text(f"#!/bin/sh\n{script}\n")
    (tools / name).chmod(0o755)
    return f"{tools}:/usr/bin:/bin"


@pytest.fixture
def other_disks(tools: Path) -> ProcResources:
    """A `df` that fails for whatever it should not have been asked about, as the real one does."""
    for name, text in (("mounts", MOUNTS), ("blocks", BLOCKS), ("inodes", INODES)):
        (tools / name).write_text(text)
    replay(tools, "cat", f"""case "$1" in /proc/mounts) exec /bin/cat {tools}/mounts;; *) exec /bin/cat "$@";; esac""")
    script = """\
case "$*" in
  "-P -k / /mnt/back ups") exec /bin/cat {0}/blocks;;
  "-P -i / /mnt/back ups") exec /bin/cat {0}/inodes;;
esac
exit 1"""
    return host_on(replay(tools, "df", script.format(tools)))


@pytest.mark.row("H2")
async def test_every_part_of_the_real_host_is_known_and_within_its_bounds(real: Bench) -> None:
    answer = await real.type("resources")

    assert isinstance(answer, Checks)
    assert [check.name for check in answer.checks if check.state is State.UNKNOWN] == []
    assert {"CPU", "Load", "Memory", "Disks", "Inodes", "Open files", "Up"} <= {check.name for check in answer.checks}
    assert "0: " in next(check.value for check in answer.checks if check.name == "Memory and CPU of workers")


@pytest.fixture
def busy() -> Iterator[None]:
    """Every core at work."""
    script = "while True: pass"
    spinning = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(os.cpu_count() or 1)]
    yield
    for process in spinning:
        process.kill()
        process.wait()


@pytest.mark.row("H2")
async def test_a_host_at_work_is_told_from_the_average_since_its_start(real: Bench, busy: None) -> None:
    assert (await real.service.port(Resources).cpu()).busy > 80


@pytest.mark.row("H2")
async def test_a_disk_without_inodes_fails_though_it_has_space(bench: Bench, other_disks: ProcResources) -> None:
    bench.ports = {Resources: other_disks}

    answer = await bench.type("resources")

    assert isinstance(answer, Checks)
    found = {check.name: (check.state, check.value) for check in answer.checks}
    assert found["Inodes"] == (State.FAIL, "/ 100 %")
    assert found["Disks"] == (State.FAIL, "/ 95 %, /mnt/back ups 40 %")


@pytest.mark.row("H2")
async def test_limits_of_the_configuration_decide(bench: Bench, other_disks: ProcResources) -> None:
    bench.ports = {Resources: other_disks}
    bench.limits = {"disk_percent_warn_above": 90, "disk_percent_fail_above": 99}

    answer = await bench.type("resources")

    assert isinstance(answer, Checks)
    disks = next(check for check in answer.checks if check.name == "Disks")
    assert (disks.state, disks.limit) == (State.WARN, "at most 90 %")


@pytest.mark.row("H2")
@pytest.mark.parametrize(
    ("shim", "unknown"),
    [
        (("df", "echo 'df: /mnt/share: Stale file handle' >&2; exit 1"), {"Disks", "Inodes"}),
        (("df", "sleep 60"), {"Disks", "Inodes"}),
        (("cat", "echo 'cat: Permission denied' >&2; exit 1"), BLIND),
        (("cat", "echo nonsense"), BLIND),
        (("df", "echo nonsense"), {"Disks", "Inodes"}),
        (("find", "echo 'find: Permission denied' >&2; exit 1"), {"Open files"}),
    ],
    ids=["stale share", "hanging share", "unreadable", "nonsense", "nonsense of df", "files of another user"],
)
async def test_what_cannot_be_read_is_unknown_and_the_rest_is_told(
    bench: Bench, tools: Path, monkeypatch: pytest.MonkeyPatch, shim: tuple[str, str], unknown: set[str]
) -> None:
    monkeypatch.setattr("integrations.resources._DF_WITHIN", 0.5)
    bench.ports = {Resources: host_on(replay(tools, *shim))}

    answer = await bench.type("resources")

    assert isinstance(answer, Checks)
    assert {check.name for check in answer.checks if check.state is State.UNKNOWN} == unknown
    assert all(check.evidence for check in answer.checks if check.state is State.UNKNOWN)


async def test_a_kernel_that_counts_less_than_it_should_is_not_guessed_at(tools: Path) -> None:
    with pytest.raises(IntegrationError, match="only 4 columns"):
        await host_on(replay(tools, "cat", "echo 'cpu  1 2 3 4'; echo 'cpu0 1 2 3 4'")).cpu()
    with pytest.raises(IntegrationError, match="names no core"):
        await host_on(replay(tools, "cat", "echo 'cpu  1 2 3 4 5 6 7 8'")).cpu()
    with pytest.raises(IntegrationError, match="stands still"):
        await host_on(replay(tools, "cat", "echo 'cpu  1 2 3 4 5 6 7 8'; echo 'cpu0 1'")).cpu()


async def test_guests_are_not_counted_twice_and_waiting_is_no_work(tools: Path) -> None:
    """Between two looks: 30 at work (20 of them for a guest), 10 waiting, 60 idle."""
    once = tools / "once"
    script = (
        f"if mkdir {once} 2>/dev/null; then echo 'cpu  100 0 100 1000 50 0 0 0 70 0'; "
        "else echo 'cpu  120 0 110 1060 60 0 0 0 90 0'; fi; echo 'cpu0 0'"
    )

    seen = await host_on(replay(tools, "cat", script)).cpu()

    assert (round(seen.busy), round(seen.waiting), seen.cores) == (30, 10, 1)


@pytest.mark.row("H2")
@pytest.mark.parametrize(
    ("memory", "cpu", "state", "value"),
    [
        (60_000_000, 4.5, State.OK, "0: 60 MB, 4.5 %"),
        (60_000_000, 140.0, State.WARN, "0: 60 MB, 140 %"),
        (2_000_000_000, None, State.WARN, "0: 2000 MB, CPU not told"),
        (60_000_000, None, State.UNKNOWN, "0: 60 MB, CPU not told"),
        (None, None, State.UNKNOWN, "0: memory not told, CPU not told"),
    ],
    ids=["well", "spinning", "large", "systemd tells no CPU", "nothing told"],
)
async def test_a_worker_of_which_the_manager_tells_nothing_is_unknown(
    real: Bench, memory: int | None, cpu: float | None, state: State, value: str
) -> None:
    pid = (await real.live.processes.workers())[0].pid
    real.ports[Processes] = FakeProcesses((replace(worker(0), pid=pid, memory=memory, cpu=cpu),))

    answer = await real.type("resources")

    assert isinstance(answer, Checks)
    found = next(check for check in answer.checks if check.name == "Memory and CPU of workers")
    assert (found.state, found.value) == (state, value)


async def test_the_host_answers_the_check_of_the_configuration(real: Bench) -> None:
    assert "has been up for" in await ProcResources(Config(), host=real.live.service.port(Host)).ping()
