"""The demo: its tour sees effects from outside, notices a lie, and leaves nothing running however it ends."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.namespaces import needed
from tests.waiting import until

OPSBOT = Path(sys.executable).with_name("opsbot")

# The whole demo comes up, and the tour waits for a digest that is due each minute.
pytestmark = pytest.mark.timeout(300)


async def demo(data: Path, *arguments: str, given: bytes = b"") -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        *(str(OPSBOT), "demo", "--data", str(data), *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdin
    process.stdin.write(given)
    if given:
        process.stdin.close()
    return process


async def finished(process: asyncio.subprocess.Process) -> str:
    out, _ = await process.communicate()
    return out.decode()


async def ready(process: asyncio.subprocess.Process) -> str:
    """Read until the prompt is there."""
    assert process.stdout
    said = ""
    while "You are in a local Slack" not in said:
        line = await process.stdout.readline()
        assert line, said
        said += line.decode()
    return said


def left_of(data: Path) -> list[str]:
    """Command lines of the processes that belong to the demo in `data`."""
    return [" ".join(found) for found in _belonging(data)]


def _belonging(data: Path) -> Iterator[list[str]]:
    for process in psutil.process_iter():
        try:
            belongs = str(data) in " ".join([*process.cmdline(), *process.environ().values()])
            if belongs and process.status() != psutil.STATUS_ZOMBIE:
                yield process.cmdline()
        except (psutil.Error, OSError):
            continue


async def test_the_tour_observes_every_effect_from_outside(tmp_path: Path) -> None:
    process = await demo(tmp_path / "demo", "--tour", "--exit")

    said = await finished(process)

    assert process.returncode == 0, said
    assert "Every effect was observed." in said
    assert "NOT OBSERVED" not in said
    assert not left_of(tmp_path)


async def test_the_tour_notices_a_reload_that_was_skipped_and_so_does_the_bot(tmp_path: Path) -> None:
    process = await demo(tmp_path / "demo", "--tour", "--exit", "--sabotage", "reload")

    said = await finished(process)

    assert process.returncode == 1, said
    assert "NOT OBSERVED: customers are turned away by every worker" in said
    assert "observed: the card says done only for what is so" in said


async def test_the_prompt_takes_lines_from_a_pipe_and_the_data_folder_can_be_used_again(tmp_path: Path) -> None:
    for given in (
        b"/ops status\n",
        b"hello\n:as ben\n:channels\n:nonsense\n:click nothing\n:home\n/incident open\n:menu nothing\n:quit\n",
    ):
        process = await demo(tmp_path / "demo", given=given)
        said = await finished(process)

        assert process.returncode == 0, said
        assert "Traceback" not in said

    assert "Your role: commander" in said
    assert 'No button here says "nothing"' in said
    assert "There are Add to timeline" in said
    assert said.count("| Title") == 1  # the form is shown once, though it stays open
    assert not left_of(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=["Ctrl-C", "TERM", "KILL"])
async def test_nothing_is_left_of_a_demo_that_is_ended(tmp_path: Path, number: signal.Signals) -> None:
    process = await demo(tmp_path / "demo")
    await ready(process)
    assert len(left_of(tmp_path)) > 5

    process.send_signal(number)
    await finished(process)

    await until(lambda: not left_of(tmp_path), within=40)


async def test_a_port_that_is_taken_is_told_in_a_sentence(tmp_path: Path) -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    process = await demo(tmp_path / "demo", "--port", str(port), "--exit")

    said = await finished(process)
    server.close()

    assert process.returncode == 1
    assert "The demo cannot start" in said
    assert "Traceback" not in said


BLOCKING = (
    ("/ops block-ip 198.51.100.7 card testing", "Plan: Block"),
    (":click Confirm", "198.51.100.7 is blocked", "[Undo]"),
)


async def test_a_release_that_crashes_is_found_rolled_back_and_the_rest_takes_two_messages_each(tmp_path: Path) -> None:
    process = await demo(tmp_path / "demo")
    await ready(process)

    for line, *answers in (
        (":byhand v1.3.0-badstart", "PM2 reported success"),
        ("/ops status", "worker 1 is errored"),
        ("/ops logs 5 --err", "last 5 errors"),
        ("/ops rollback the release crashes", "(v1.4.0)"),
        (":click Confirm", "each answers health of build", "[Undo]"),
        *(BLOCKING if not needed("unshare", "nsenter", "nft") else ()),
        ("/ops scale 3 traffic", "2 -> 3"),
        (":click Confirm", "3 workers (", "[Undo]"),
        (":click Undo", "3 -> 2"),
        (":click Confirm", "2 workers (", "[Undo]"),
        ("/ops status", "2 of 2 workers answer"),
    ):
        await typed(process, line, *answers)
    await typed(process, ":quit", "Tearing down")

    await finished(process)
    assert process.returncode == 0


async def typed(process: asyncio.subprocess.Process, line: str, *answers: str) -> None:
    """Type a line and read until its answers have come; what only looks is typed again, as people do."""
    said = ""
    async with asyncio.timeout(60):
        while not all(answer in said for answer in answers):
            with suppress(TimeoutError):
                async with asyncio.timeout(8 if line == "/ops status" else None):
                    said += await _answered(process, line, answers)


async def _answered(process: asyncio.subprocess.Process, line: str, answers: Sequence[str]) -> str:
    """What is said until the answers have come."""
    assert process.stdin
    assert process.stdout
    process.stdin.write(f"{line}\n".encode())
    said = ""
    while not all(answer in said for answer in answers):
        more = await process.stdout.readline()
        assert more, said
        said += more.decode()
    return said
