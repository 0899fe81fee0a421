from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from bot.core.errors import Conflict, IntegrationError, OutcomeUnknown
from bot.core.ports import Done
from integrations.local import Config, LocalHost

SOON = timedelta(seconds=0.3)
ENOUGH = timedelta(seconds=10)


@pytest.fixture
def host() -> LocalHost:
    return LocalHost(Config())


@pytest.fixture
def lock(tmp_path: Path) -> str:
    return str(tmp_path / "change.lock")


async def until(look: Callable[[], str]) -> str:
    """What `look` sees, as soon as that is something; within five seconds."""
    for _ in range(500):
        if seen := look():
            return seen
        await asyncio.sleep(0.01)
    raise AssertionError("nothing was seen")


def content(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def gone(pid: str) -> str:
    """Says so when the process has ended."""
    status = content(Path("/proc") / pid.strip() / "status")
    return "gone" if not status or "State:\tZ" in status else ""


async def test_an_argument_is_handed_over_as_it_is_and_no_shell_sees_it(host: LocalHost) -> None:
    done = await host.run(("printf", "%s|", "$HOME; id", "*", "a'b\"c", ""))

    assert (done.code, done.out) == (0, "$HOME; id|*|a'b\"c||")


async def test_a_program_sees_path_home_and_what_it_was_given_and_none_of_the_bots_secrets(
    host: LocalHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPSBOT_SLACK__BOT_TOKEN", "xoxb-invented")

    done = await host.run(("env",), env={"PM2_HOME": "/srv/pm2"})

    names = {line.partition("=")[0] for line in done.out.splitlines()}
    assert names == {"PATH", "HOME", "LANG", "PM2_HOME"}


async def test_exit_code_and_both_streams_come_back(host: LocalHost, tmp_path: Path) -> None:
    done = await host.run(("sh", "-c", "pwd; echo wrong >&2; exit 3"), cwd=str(tmp_path))

    assert (done.code, done.out, done.err, done.cut) == (3, f"{tmp_path}\n", "wrong\n", False)


async def test_bytes_that_are_no_text_are_replaced(host: LocalHost) -> None:
    assert (await host.run(("printf", r"a\377b"))).out == "a\ufffdb"


async def test_a_program_that_is_not_there_is_named(host: LocalHost) -> None:
    with pytest.raises(IntegrationError, match="no-such-program cannot be run on localhost: No such file"):
        await host.run(("no-such-program",))


async def test_an_argument_that_no_program_can_take_is_an_error_of_ours(host: LocalHost) -> None:
    with pytest.raises(IntegrationError, match="embedded null byte"):
        await host.run(("echo", "a\0b"))


async def test_a_read_that_takes_too_long_is_ended_with_all_its_children(host: LocalHost, tmp_path: Path) -> None:
    pid = tmp_path / "pid"

    with pytest.raises(OutcomeUnknown, match=r"sh did not end on localhost within 0\.3 s"):
        await host.run(("sh", "-c", f"sleep 60 & echo $! > {pid}; wait"), within=SOON)

    assert await until(lambda: gone(content(pid)))


async def test_a_read_that_is_cancelled_is_ended(host: LocalHost, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    task = asyncio.create_task(host.run(("sh", "-c", f"echo $$ > {pid}; exec sleep 60"), within=ENOUGH))
    started = await until(lambda: content(pid))
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task

    assert await until(lambda: gone(started))


async def test_output_beyond_the_cap_is_cut_and_the_flood_is_stopped() -> None:
    host = LocalHost(Config(output_cap=1000))

    done = await host.run(("yes",), within=ENOUGH)

    assert (len(done.out), done.cut) == (1000, True)


async def test_commands_that_are_joined_read_what_the_one_before_writes(host: LocalHost) -> None:
    done = await host.pipe((("printf", r"%s\n", "b", "a'; id", "c"), ("sort",), ("tail", "-n", "2")))

    assert done == Done(0, "b\nc\n", "")


async def test_one_command_alone_may_be_joined_too(host: LocalHost, tmp_path: Path) -> None:
    done = await host.pipe(
        (("sh", "-c", "pwd; echo $WORD; echo wrong >&2; exit 3"),), cwd=str(tmp_path), env={"WORD": "x"}
    )

    assert done == Done(3, f"{tmp_path}\nx\n", "wrong\n")


async def test_of_joined_commands_the_last_gives_the_code_and_all_give_their_complaints(host: LocalHost) -> None:
    missing = ("cat", "/no/such/file")

    done = await host.pipe((missing, ("sh", "-c", "cat; echo second >&2; exit 7")))

    assert (done.code, done.out) == (7, "")
    assert "/no/such/file: No such file or directory" in done.err
    assert "second" in done.err


async def test_a_command_whose_reader_has_enough_ends_without_a_complaint(host: LocalHost) -> None:
    assert await host.pipe((("yes",), ("head", "-n", "1")), within=ENOUGH) == Done(0, "y\n", "")


async def test_a_joined_command_that_was_killed_is_told(host: LocalHost) -> None:
    done = await host.pipe((("sh", "-c", "echo some; kill -9 $$"), ("cat",)))

    assert done == Done(0, "some\n", "sh was ended by signal 9\n")


async def test_joined_commands_that_take_too_long_are_all_ended(host: LocalHost, tmp_path: Path) -> None:
    pids = tmp_path / "first", tmp_path / "second"
    argvs = [("sh", "-c", f"echo $$ > {pid}; exec sleep 60") for pid in pids]

    with pytest.raises(OutcomeUnknown, match=r"sh \| sh did not end on localhost within 0\.3 s"):
        await host.pipe(argvs, within=SOON)

    for pid in pids:
        assert await until(lambda pid=pid: gone(content(pid)))  # type: ignore[misc]


async def test_joined_commands_that_flood_are_cut_and_what_flows_between_them_is_not() -> None:
    host = LocalHost(Config(output_cap=1000))

    flood = await host.pipe((("yes",), ("cat",)), within=ENOUGH)
    counted = await host.pipe((("head", "-c", "1000000", "/dev/zero"), ("wc", "-c")))

    assert (len(flood.out), flood.cut, flood.err) == (1000, True, "")
    assert (counted.out.strip(), counted.cut) == ("1000000", False)


async def test_a_joined_program_that_is_not_there_is_named_and_the_others_are_ended(
    host: LocalHost, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"

    with pytest.raises(IntegrationError, match="no-such-program cannot be run on localhost: No such file"):
        await host.pipe((("sh", "-c", f"sleep 0.5; echo late > {trace}"), ("no-such-program",)))

    await asyncio.sleep(0.8)
    assert not trace.exists()


async def test_a_change_that_takes_too_long_goes_on_and_the_next_one_waits_for_it(
    host: LocalHost, lock: str, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    with pytest.raises(OutcomeUnknown, match="goes on under its lock"):
        await host.run(("sh", "-c", f"sleep 1; echo first >> {trace}"), within=SOON, lock=lock)

    done = await host.run(("sh", "-c", f"echo second >> {trace}"), within=ENOUGH, lock=lock)

    assert done.code == 0
    assert trace.read_text() == "first\nsecond\n"


async def test_a_change_that_is_cancelled_goes_on(host: LocalHost, lock: str, tmp_path: Path) -> None:
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


async def test_a_change_that_waits_says_for_what_when_its_patience_is_over(host: LocalHost, lock: str) -> None:
    with pytest.raises(OutcomeUnknown):
        await host.run(("sleep", "2"), within=timedelta(seconds=0.1), lock=lock)

    with pytest.raises(Conflict, match=r"Another change still runs on localhost: sleep 2 \(pid \d+\)"):
        await host.run(("true",), within=SOON, lock=lock)

    await host.run(("true",), within=ENOUGH, lock=lock)


async def test_who_waits_for_a_lock_can_be_cancelled(host: LocalHost, lock: str) -> None:
    with pytest.raises(OutcomeUnknown):
        await host.run(("sleep", "1"), within=timedelta(seconds=0.05), lock=lock)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(host.run(("true",), within=ENOUGH, lock=lock), 0.2)

    await host.run(("true",), within=ENOUGH, lock=lock)


async def test_a_lock_that_cannot_be_made_is_an_error_not_a_change_without_a_lock(
    host: LocalHost, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "link"
    elsewhere.symlink_to(tmp_path / "target")

    with pytest.raises(IntegrationError, match="cannot be opened"):
        await host.run(("touch", str(tmp_path / "ran")), lock=str(elsewhere))

    assert not (tmp_path / "ran").exists()


ORPHAN = """
import asyncio, sys
from datetime import timedelta
from integrations.local import Config, LocalHost
work = "for i in 1 2 3 4 5 6 7 8; do echo working; sleep 0.1; done"
script = f"echo $$ > {sys.argv[2]}; {work}; echo done > {sys.argv[3]}"
asyncio.run(LocalHost(Config()).run(("sh", "-c", script), within=timedelta(seconds=30), lock=sys.argv[1]))
"""


async def test_the_orphan_of_a_killed_bot_ends_its_work_and_holds_the_lock_until_then(
    host: LocalHost, lock: str, tmp_path: Path
) -> None:
    pid, finished = tmp_path / "pid", tmp_path / "finished"
    checkout = Path(__file__).parents[2]
    bot = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", ORPHAN, lock, str(pid), str(finished)), cwd=checkout
    )
    await until(lambda: content(pid))
    bot.kill()
    await bot.wait()
    began = time.monotonic()

    await host.run(("true",), within=ENOUGH, lock=lock)

    assert time.monotonic() - began > 0.1
    assert finished.read_text() == "done\n"


async def test_a_lock_file_is_for_its_owner_only(host: LocalHost, lock: str) -> None:
    await host.run(("true",), lock=lock)

    assert os.stat(lock).st_mode & 0o777 == 0o600  # noqa: PTH116 - a path in a string, one look


async def test_it_answers_a_ping_with_the_system(host: LocalHost) -> None:
    assert (await host.ping()).split()[0] in {"Linux", "Darwin"}
