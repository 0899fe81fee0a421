"""What holds of a changing command under its lock, on every kind of host."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from bot.core.errors import Conflict, Fenced, IntegrationError, OutcomeUnknown
from bot.core.permit import permitted_by
from bot.core.ports import Done, Host
from integrations import local
from integrations.local import LocalHost
from integrations.ssh.host import SshHost
from tests.hosts import ENOUGH, SOON, Make, content, until


@pytest.fixture
def lock(tmp_path: Path) -> str:
    return str(tmp_path / "change.lock")


async def test_a_change_gives_its_code_and_both_streams(host: Host, lock: str, tmp_path: Path) -> None:
    script = "pwd; echo $WORD $HOME; echo wrong >&2; exit 3"

    done = await host.run(("sh", "-c", script), cwd=str(tmp_path), env={"WORD": "a b", "HOME": "/x"}, lock=lock)

    assert done == Done(3, f"{tmp_path}\na b /x\n", "wrong\n")


async def test_a_change_that_cannot_be_run_is_an_error(host: Host, lock: str) -> None:
    with pytest.raises(IntegrationError, match=r"no-such-program cannot be run on .*: No such file"):
        await host.run(("no-such-program", "two words"), lock=lock)

    await host.run(("true",), within=SOON, lock=lock)  # the lock is free


async def test_what_a_change_writes_beyond_the_cap_is_cut_and_it_runs_to_its_end(make: Make, lock: str) -> None:
    done = await make(output_cap=1000).run(("sh", "-c", "head -c 5000 /dev/zero; exit 4"), lock=lock)

    assert (done.code, len(done.out), done.cut) == (4, 1000, True)


async def test_a_change_that_a_signal_ended_has_failed(host: Host, lock: str) -> None:
    done = await host.run(("sh", "-c", "kill -9 $$"), lock=lock)

    assert done.code in {-9, 128 + 9}  # a shell stands between on another machine, and knows it so


async def test_what_a_change_starts_can_be_interrupted_as_usual(host: Host, lock: str) -> None:
    """A shell that starts something in the background has it ignore SIGINT, by which PM2 stops its workers."""
    ignored = await host.run(("sed", "-n", "s/^SigIgn:\t//p", "/proc/self/status"), lock=lock)

    assert not int(ignored.out, 16) & (1 << (signal.SIGINT - 1) | 1 << (signal.SIGQUIT - 1))


async def test_the_lock_is_one_for_whoever_reaches_the_machine_and_however(host: Host, lock: str) -> None:
    with pytest.raises(OutcomeUnknown):
        await host.run(("sleep", "1.5"), within=SOON, lock=lock)

    with pytest.raises(Conflict, match=r"sleep 1\.5"):
        await LocalHost(local.Config()).run(("true",), within=SOON, lock=lock)

    await host.run(("true",), within=ENOUGH, lock=lock)


async def test_a_change_that_takes_too_long_goes_on_and_the_next_one_waits_for_it(
    host: Host, lock: str, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    with pytest.raises(OutcomeUnknown, match="goes on under its lock"):
        await host.run(("sh", "-c", f"sleep 1; echo first >> {trace}"), within=SOON, lock=lock)

    done = await host.run(("sh", "-c", f"echo second >> {trace}"), within=ENOUGH, lock=lock)

    assert done.code == 0
    assert trace.read_text() == "first\nsecond\n"


async def test_a_change_that_is_cancelled_goes_on(host: Host, lock: str, tmp_path: Path) -> None:
    trace, begun = tmp_path / "trace", tmp_path / "begun"
    task = asyncio.create_task(
        host.run(("sh", "-c", f"echo yes > {begun}; sleep 0.5; echo done > {trace}"), within=ENOUGH, lock=lock)
    )
    await until(lambda: content(begun))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await until(lambda: content(trace)) == "done\n"
    await host.run(("true",), within=ENOUGH, lock=lock)  # the lock is free again


async def test_a_change_that_waits_says_for_what_when_its_patience_is_over(host: Host, lock: str) -> None:
    with pytest.raises(OutcomeUnknown):
        await host.run(("sleep", "2"), within=timedelta(seconds=0.1), lock=lock)

    with pytest.raises(Conflict, match=r"Another change still runs on \S+: sleep 2 \(pid \d+\)"):
        await host.run(("true",), within=SOON, lock=lock)

    await host.run(("true",), within=ENOUGH, lock=lock)


async def test_who_waits_for_a_lock_can_be_cancelled(host: Host, lock: str) -> None:
    with pytest.raises(OutcomeUnknown):
        await host.run(("sleep", "1"), within=timedelta(seconds=0.05), lock=lock)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(host.run(("true",), within=ENOUGH, lock=lock), 0.2)

    await host.run(("true",), within=ENOUGH, lock=lock)


async def test_a_lock_that_cannot_be_made_is_an_error_not_a_change_without_a_lock(host: Host, tmp_path: Path) -> None:
    elsewhere = tmp_path / "link"
    elsewhere.symlink_to(tmp_path / "target")

    with pytest.raises(IntegrationError, match="cannot be opened"):
        await host.run(("touch", str(tmp_path / "ran")), lock=str(elsewhere))

    assert not (tmp_path / "ran").exists()


ORPHAN = """
import asyncio, json, sys
from datetime import timedelta
from integrations import local, ssh
from integrations.local import LocalHost
from integrations.ssh.host import SshHost
config = json.loads(sys.argv[4])
host = SshHost(ssh.Config(**config)) if config else LocalHost(local.Config())
work = "for i in 1 2 3 4 5 6 7 8; do echo working; sleep 0.1; done"
script = f"echo $$ > {sys.argv[2]}; {work}; echo done > {sys.argv[3]}"
asyncio.run(host.run(("sh", "-c", script), within=timedelta(seconds=30), lock=sys.argv[1]))
"""


async def test_the_orphan_of_a_killed_bot_ends_its_work_and_holds_the_lock_until_then(
    host: Host, lock: str, tmp_path: Path
) -> None:
    pid, finished = tmp_path / "pid", tmp_path / "finished"
    checkout = Path(__file__).parents[2]
    config = host._config.model_dump_json() if isinstance(host, SshHost) else "{}"
    bot = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", ORPHAN, lock, str(pid), str(finished), config), cwd=checkout
    )
    await until(lambda: content(pid))
    bot.kill()
    await bot.wait()
    began = time.monotonic()

    await host.run(("true",), within=ENOUGH, lock=lock)

    assert time.monotonic() - began > 0.1
    assert finished.read_text() == "done\n"


async def test_a_lock_file_is_for_its_owner_only(host: Host, lock: str) -> None:
    await host.run(("true",), lock=lock)

    assert os.stat(lock).st_mode & 0o777 == 0o600  # noqa: PTH116 - a path in a string, one look


async def test_a_change_asks_for_its_permit_and_a_read_does_not(host: Host, lock: str, tmp_path: Path) -> None:
    asked = []

    async def refuse() -> None:
        asked.append("permit")
        raise Fenced("taken over")

    with permitted_by(refuse):
        await host.run(("true",))
        with pytest.raises(Fenced):
            await host.run(("touch", str(tmp_path / "effect")), lock=lock)
    done = await host.run(("true",), lock=lock, within=SOON)

    assert asked == ["permit"]
    assert not (tmp_path / "effect").exists()
    assert done.code == 0


async def test_the_permit_is_asked_when_the_lock_is_held(host: Host, lock: str) -> None:
    free: list[int] = []

    async def look() -> None:
        free.append((await asyncio.to_thread(subprocess.run, ("flock", "-n", lock, "true"), check=False)).returncode)

    with permitted_by(look):
        await host.run(("true",), lock=lock)

    assert free == [1]


async def test_who_was_taken_over_while_it_waited_for_the_lock_begins_nothing_and_lets_go_of_it(
    host: Host, lock: str, tmp_path: Path
) -> None:
    begun, effect, taken_over = tmp_path / "begun", tmp_path / "effect", asyncio.Event()

    async def permit() -> None:
        if taken_over.is_set():
            raise Fenced("taken over")

    before = asyncio.create_task(host.run(("sh", "-c", f"echo yes >{begun}; sleep 0.5"), lock=lock))
    await until(lambda: content(begun))
    with permitted_by(permit):
        waiting = asyncio.create_task(host.run(("touch", str(effect)), within=ENOUGH, lock=lock))
    await asyncio.sleep(0.2)
    taken_over.set()

    await before
    with pytest.raises(Fenced):
        await waiting
    await host.run(("true",), within=SOON, lock=lock)
    assert not effect.exists()
