from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.core.errors import IntegrationError
from bot.core.ports import LogFile, LogTail
from integrations import logs as module
from integrations.logs import Config, FileLogs
from tests.fakes import FakeProcesses
from tests.fixtures_gateway import Live

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@dataclass(slots=True)
class Writing(FakeProcesses):
    """A process manager whose workers write these files."""

    files: tuple[LogFile, ...] = ()

    async def log_files(self) -> tuple[LogFile, ...]:
        return self.files


def logs_of(*paths: Path, limit: int = 1024 * 1024) -> FileLogs:
    files = tuple(LogFile(str(path), errors="error" in path.name) for path in paths)
    return FileLogs(Config(scan_limit=limit), processes=Writing((), files))


def line(second: float, words: str) -> str:
    """A line as the service writes it."""
    at = (START + timedelta(seconds=second)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"level": "info", "time": at, "msg": words})


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "app-out-0.log"


@pytest.fixture
def err(tmp_path: Path) -> Path:
    return tmp_path / "app-error-0.log"


def messages(tail: LogTail) -> list[str]:
    return [json.loads(text)["msg"] for text in tail.lines]


@pytest.mark.row("E1")
async def test_lines_of_all_files_come_in_the_order_of_their_time(out: Path, err: Path) -> None:
    out.write_text("\n".join([line(1, "a"), line(3, "c"), line(5, "e")]) + "\n")
    err.write_text("\n".join([line(2, "b"), line(4, "d")]) + "\n")

    assert messages(await logs_of(out, err).tail(4)) == ["b", "c", "d", "e"]


@pytest.mark.row("E1")
async def test_the_real_service_answers_at_once_and_does_not_stream(live: Live) -> None:
    await live.processes.reload()

    began = time.monotonic()
    tail = await live.logs.tail(6)

    assert time.monotonic() - began < 5
    assert len(tail.lines) == 6
    assert sum("listening on" in text for text in tail.lines) >= 1


@pytest.mark.row("E1")
async def test_long_lines_do_not_make_the_answer_shorter(out: Path) -> None:
    out.write_text("\n".join(line(second, "x" * 1500) for second in range(300)) + "\n")

    assert len((await logs_of(out).tail(100)).lines) == 100


@pytest.mark.row("E2")
async def test_errors_only_are_those_of_standard_error(out: Path, err: Path) -> None:
    out.write_text(line(1, "fine") + "\n")
    err.write_text(line(2, "failed") + "\n")

    assert messages(await logs_of(out, err).tail(10, errors_only=True)) == ["failed"]


@pytest.mark.row("F3")
async def test_text_is_looked_for_as_it_is_written_in_capitals_or_not(out: Path) -> None:
    out.write_text("\n".join([line(1, "Timeout (a+)+$"), line(2, "timeout"), line(3, "other")]) + "\n")

    assert messages(await logs_of(out).tail(10, containing="TIMEOUT")) == ["Timeout (a+)+$", "timeout"]
    assert messages(await logs_of(out).tail(10, containing="(a+)+$")) == ["Timeout (a+)+$"]


@pytest.mark.row("E4")
async def test_colours_and_control_characters_are_taken_out(out: Path) -> None:
    out.write_bytes(b"\x1b[31m2026-03-02T09:00:00Z ERROR\x1b[0m a\x00b\xff\x1b]0;title\x07c\r\n")

    assert (await logs_of(out).tail(10)).lines == ("2026-03-02T09:00:00Z ERROR ab\ufffdc",)


async def test_lines_of_a_stack_trace_stay_with_their_first_line(out: Path, err: Path) -> None:
    err.write_text("2026-03-02T09:00:02.000Z ERROR boom\n    at one\n    at two\n")
    out.write_text("2026-03-02 09:00:01 before\n2026-03-02T09:00:03+00:00 after\n")

    tail = await logs_of(out, err).tail(4)

    assert tail.lines == (
        "2026-03-02T09:00:02.000Z ERROR boom",
        "    at one",
        "    at two",
        "2026-03-02T09:00:03+00:00 after",
    )


@pytest.mark.parametrize(
    "stamp",
    [
        pytest.param('{{"time":{ms},"msg":"x"}}', id="pino"),
        pytest.param('{{"timestamp": "{iso}", "msg": "x"}}', id="timestamp"),
        pytest.param("{iso}: x", id="in front, as pm2 writes it"),
        pytest.param("[{iso}] x", id="in brackets"),
        pytest.param("{comma} x", id="with a comma"),
    ],
)
async def test_times_are_read_in_the_forms_that_loggers_write(out: Path, err: Path, stamp: str) -> None:
    at = START + timedelta(seconds=2, milliseconds=500)
    iso = at.isoformat(timespec="milliseconds")
    text = stamp.format(ms=int(at.timestamp() * 1000), iso=iso, comma=iso.replace(".", ",").replace("+00:00", ""))
    err.write_text(f"{text}\n")
    out.write_text(f"{line(1, 'before')}\n{line(3, 'after')}\n")

    assert (await logs_of(out, err).tail(3)).lines[1] == text


async def test_a_number_that_only_looks_like_a_time_is_none(out: Path) -> None:
    out.write_text("2026-99-99T99:99:99Z odd\n")

    assert (await logs_of(out).tail(3)).lines == ("2026-99-99T99:99:99Z odd",)


async def test_files_without_times_are_placed_by_their_last_change(out: Path, err: Path) -> None:
    out.write_text("old one\nold two\n")
    err.write_text("new\n")
    os.utime(out, (1000, 1000))

    assert (await logs_of(err, out).tail(2)).lines == ("old two", "new")


async def test_very_many_lines_without_times_are_not_all_kept_in_memory(out: Path) -> None:
    out.write_text("x\n" * 5000)

    assert (await logs_of(out).tail(3)).lines == ("x", "x", "x")


async def test_a_file_of_400_megabytes_is_answered_in_a_moment(out: Path) -> None:
    with out.open("wb") as file:
        file.truncate(400 * 1024 * 1024)
        file.seek(0, 2)
        file.write(b"\n" + "\n".join(line(second, "x") for second in range(200)).encode() + b"\n")

    began = time.monotonic()
    tail = await logs_of(out).tail(100)

    assert len(tail.lines) == 100
    assert time.monotonic() - began < 1


async def test_a_search_stops_at_its_limit_and_says_so(out: Path) -> None:
    out.write_text(f"{line(0, 'needle')}\n" + "\n".join(line(second, "hay") for second in range(1, 4000)) + "\n")

    tail = await logs_of(out, limit=64 * 1024).tail(5, containing="needle")

    assert tail.lines == ()
    assert tail.left_out == "app-out-0.log was searched in its last 64 KiB only"


async def test_a_line_that_goes_on_for_ever_is_cut(out: Path) -> None:
    out.write_text("x" * 300_000 + "\nshort\n")

    tail = await logs_of(out).tail(2)

    assert [len(text) for text in tail.lines] == [2000 + len("… (298000 more characters)"), 5]


async def test_a_file_that_was_just_rotated_is_read_on_in_the_one_before(out: Path) -> None:
    out.with_name(f"{out.name}.1").write_text(f"{line(1, 'a')}\n{line(2, 'b')}\n")
    out.write_text(f"{line(3, 'c')}\n")

    tail = await logs_of(out).tail(3)

    assert messages(tail) == ["a", "b", "c"]
    assert tail.left_out == "app-out-0.log.1 was read too"


async def test_a_file_that_was_moved_away_while_the_service_writes_on_is_found(out: Path) -> None:
    out.with_name(f"{out.name}.1").write_text(f"{line(1, 'a')}\n")

    tail = await logs_of(out).tail(3)

    assert messages(tail) == ["a"]
    assert tail.left_out == "app-out-0.log was moved to app-out-0.log.1"


async def test_a_rotated_file_that_is_older_and_not_needed_is_left_alone(out: Path) -> None:
    old = out.with_name(f"{out.name}.1")
    old.write_text(f"{line(1, 'a')}\n")
    os.utime(old, (1000, 1000))
    out.write_text(f"{line(2, 'b')}\n")

    assert await logs_of(out).tail(1) == LogTail((line(2, "b"),), "")


async def test_one_file_that_cannot_be_read_is_told_and_the_others_are_shown(out: Path, err: Path) -> None:
    out.write_text(f"{line(1, 'a')}\n")

    tail = await logs_of(out, err).tail(3)

    assert messages(tail) == ["a"]
    assert tail.left_out == "app-error-0.log cannot be read (No such file or directory)"


async def test_logs_that_cannot_be_read_at_all_are_an_error_and_no_silence(out: Path) -> None:
    with pytest.raises(IntegrationError, match=r"No log could be read: app-out-0\.log cannot be read"):
        await logs_of(out).tail(3)
    with pytest.raises(IntegrationError, match="names no log file"):
        await logs_of().tail(3)


async def test_empty_logs_are_empty(out: Path) -> None:
    out.write_text("")

    assert await logs_of(out).tail(3) == LogTail((), "")


async def test_a_ping_tells_how_many_files_are_there(out: Path, err: Path) -> None:
    out.write_text("")

    assert await logs_of(out, err).ping() == "1 of 2 log files are there"


@given(lines=st.lists(st.text(st.characters(exclude_characters="\r\n\x1b", exclude_categories=("Cc", "Cs")))))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_reading_in_blocks_gives_the_lines_that_the_file_has(
    lines: list[str], out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BLOCK", 7)
    out.write_text("".join(f"{text}\n" for text in lines))

    assert list((await logs_of(out).tail(1000)).lines) == lines
