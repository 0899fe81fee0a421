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

from bot.core import search
from bot.core.errors import IntegrationError, UsageError
from bot.core.log_search import LogLine, Matches
from bot.core.ports import LogFile, LogTail
from bot.core.search import Pattern
from integrations.local import Config as HostConfig
from integrations.local import LocalHost
from integrations.logs import Config, FileLogs
from tests.fakes import FakeProcesses
from tests.fixtures_gateway import Live
from tests.searching import slow_on_files, with_tools

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@dataclass(slots=True)
class Reader:
    """The logs of a host that has these tools."""

    path: str

    def __call__(self, *paths: Path, within: float = 20) -> FileLogs:
        """The logs in these files."""
        files = tuple(LogFile(str(path), errors="error" in path.name) for path in paths)
        host = LocalHost(HostConfig(path=self.path))
        return FileLogs(Config(timeout=timedelta(seconds=within)), processes=FakeProcesses((), files), host=host)


@pytest.fixture(params=["rg", "grep"])
def logs_of(request: pytest.FixtureRequest, tmp_path: Path) -> Reader:
    return Reader(with_tools(tmp_path / "tools", searching=request.param))


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
async def test_lines_of_all_files_come_in_the_order_of_their_time(logs_of: Reader, out: Path, err: Path) -> None:
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
async def test_long_lines_do_not_make_the_answer_shorter(logs_of: Reader, out: Path) -> None:
    out.write_text("\n".join(line(second, "x" * 1500) for second in range(300)) + "\n")

    assert len((await logs_of(out).tail(100)).lines) == 100


@pytest.mark.row("E2")
async def test_errors_only_are_those_of_standard_error(logs_of: Reader, out: Path, err: Path) -> None:
    out.write_text(line(1, "fine") + "\n")
    err.write_text(line(2, "failed") + "\n")

    assert messages(await logs_of(out, err).tail(10, errors_only=True)) == ["failed"]


@pytest.mark.row("F3")
async def test_text_is_looked_for_as_it_is_written_in_capitals_or_not(logs_of: Reader, out: Path) -> None:
    out.write_text("\n".join([line(1, "Timeout (a+)+$"), line(2, "timeout"), line(3, "other")]) + "\n")

    assert messages(await logs_of(out).tail(10, containing="TIMEOUT")) == ["Timeout (a+)+$", "timeout"]
    assert messages(await logs_of(out).tail(10, containing="(a+)+$")) == ["Timeout (a+)+$"]


@pytest.mark.row("E4")
async def test_colours_and_control_characters_are_taken_out(logs_of: Reader, out: Path) -> None:
    out.write_bytes(b"\x1b[31m2026-03-02T09:00:00Z ERROR\x1b[0m a\x00b\xff\x1b]0;title\x07c\r\n")

    assert (await logs_of(out).tail(10)).lines == ("2026-03-02T09:00:00Z ERROR ab\ufffdc",)


async def test_lines_of_a_stack_trace_stay_with_their_first_line(logs_of: Reader, out: Path, err: Path) -> None:
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
async def test_times_are_read_in_the_forms_that_loggers_write(
    logs_of: Reader, out: Path, err: Path, stamp: str
) -> None:
    at = START + timedelta(seconds=2, milliseconds=500)
    iso = at.isoformat(timespec="milliseconds")
    text = stamp.format(ms=int(at.timestamp() * 1000), iso=iso, comma=iso.replace(".", ",").replace("+00:00", ""))
    err.write_text(f"{text}\n")
    out.write_text(f"{line(1, 'before')}\n{line(3, 'after')}\n")

    assert (await logs_of(out, err).tail(3)).lines[1] == text


async def test_a_number_that_only_looks_like_a_time_is_none(logs_of: Reader, out: Path) -> None:
    out.write_text("2026-99-99T99:99:99Z odd\n")

    assert (await logs_of(out).tail(3)).lines == ("2026-99-99T99:99:99Z odd",)


async def test_files_without_times_are_placed_by_their_last_change(logs_of: Reader, out: Path, err: Path) -> None:
    out.write_text("old one\nold two\n")
    err.write_text("new\n")
    os.utime(out, (1000, 1000))

    assert (await logs_of(err, out).tail(2)).lines == ("old two", "new")


async def test_very_many_lines_without_times_are_not_all_kept_in_memory(logs_of: Reader, out: Path) -> None:
    out.write_text("x\n" * 5000)

    assert (await logs_of(out).tail(3)).lines == ("x", "x", "x")


async def test_a_file_of_400_megabytes_is_answered_in_a_moment(logs_of: Reader, out: Path) -> None:
    with out.open("wb") as file:
        file.truncate(400 * 1024 * 1024)
        file.seek(0, 2)
        file.write(b"\n" + "\n".join(line(second, "x") for second in range(200)).encode() + b"\n")

    began = time.monotonic()
    tail = await logs_of(out).tail(100)

    assert len(tail.lines) == 100
    assert time.monotonic() - began < 1


async def test_a_search_that_takes_too_long_gives_what_was_found_at_the_end_and_says_so(
    logs_of: Reader, out: Path
) -> None:
    hay = "".join(f"{line(second, 'hay')}\n" for second in range(20_000))
    out.write_text(f"{line(0, 'needle')}\n{hay}{line(1, 'needle')}\n")
    slow_on_files(Path(logs_of.path))

    tail = await logs_of(out, within=0.5).tail(5, containing="needle")

    assert messages(tail) == ["needle"]
    assert tail.left_out.startswith("app-out-0.log was searched in its last 1024 KiB only: ")
    assert tail.left_out.endswith("did not end on localhost within 0.5 s")


async def test_what_is_looked_for_may_look_like_an_option(logs_of: Reader, out: Path) -> None:
    out.write_text("-f/etc/shadow\n--version\n")

    assert (await logs_of(out).tail(5, containing="-f/etc")).lines == ("-f/etc/shadow",)
    assert (await logs_of(out).tail(5, containing="--version")).lines == ("--version",)


async def test_what_is_looked_for_is_one_line(logs_of: Reader, out: Path) -> None:
    with pytest.raises(UsageError, match="a text of one line"):
        await logs_of(out).tail(5, containing="a\nb")


async def test_a_rare_word_is_found_in_the_whole_file_and_a_frequent_one_at_its_end(logs_of: Reader, out: Path) -> None:
    hay = "".join(f"{line(second, f'hay {second}')}\n" for second in range(30_000))
    out.write_text(f"{line(0, 'needle')}\n{hay}")

    assert messages(await logs_of(out).tail(5, containing="NEEDLE")) == ["needle"]
    assert messages(await logs_of(out).tail(2, containing="hay")) == ["hay 29998", "hay 29999"]


async def test_lines_since_a_moment_say_from_when_on_they_are_complete(logs_of: Reader, out: Path) -> None:
    out.with_name(f"{out.name}.1").write_text(f"{line(0, 'error a')}\n{line(10, 'error b')}\n")
    out.write_text(f"{line(20, 'error c')}\n{line(30, 'fine')}\nerror without a time\n{line(40, 'error d')}\n")

    found = await logs_of(out).matching(Pattern("error [a-d]", regex=True), since=START + timedelta(seconds=5))
    undated = await logs_of(out).matching(Pattern("without"), since=START)

    assert [json.loads(each.text)["msg"][-1] for each in found.lines] == ["b", "c", "d"]
    assert found.complete_from == START
    assert undated.lines == (LogLine("error without a time", None),)


async def test_a_log_that_was_not_written_to_since_then_is_complete_and_has_nothing(logs_of: Reader, out: Path) -> None:
    out.write_text(f"{line(0, 'error')}\n")
    os.utime(out, (START.timestamp(), START.timestamp()))
    since = START + timedelta(hours=1)

    assert await logs_of(out).matching(Pattern("error"), since=since) == Matches((), since)


async def test_more_lines_than_there_is_room_for_are_told(
    logs_of: Reader, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "ROOM", 1000)
    out.write_text("".join(f"{line(second, 'error')}\n" for second in range(100)))

    found = await logs_of(out).matching(Pattern("error"), since=START)

    assert 5 < len(found.lines) < 20
    assert found.complete_from == found.lines[0].at
    assert found.left_out == "of app-out-0.log only the newest 0 KiB of what was found are shown"


async def test_a_regular_expression_that_is_none_is_told(logs_of: Reader, out: Path) -> None:
    with pytest.raises(UsageError, match=r"no regular expression: (unclosed group|Unmatched \( or)"):
        await logs_of(out).matching(Pattern("(a", regex=True), since=START)


async def test_a_regular_expression_that_would_take_for_ever_elsewhere_does_not(logs_of: Reader, out: Path) -> None:
    out.write_text(f"{'a' * 5000}!\n")
    began = time.monotonic()

    found = await logs_of(out).matching(Pattern("(a+)+$", regex=True), since=START)

    assert (found.lines, time.monotonic() - began < 5) == ((), True)


async def test_files_are_told_apart_with_the_stat_of_the_bsds_too(logs_of: Reader, out: Path) -> None:
    """From its documentation, not recorded from a real one: it has no -c, and -f takes the format."""
    out.write_text(f"{line(1, 'a')}\n")
    stat = Path(logs_of.path) / "stat"
    real = stat.readlink()
    stat.unlink()
    refusal = "stat: illegal option -- c"
    stat.write_text(
        f'#!/bin/sh\ncase "$2" in -c) echo "{refusal}" >&2; exit 1;; esac\nshift 3\nexec {real} -L -c "%Y %s %n" "$@"\n'
    )
    stat.chmod(0o755)

    assert messages(await logs_of(out).tail(1)) == ["a"]


async def test_a_tool_that_complains_is_heard_though_the_last_of_the_pipe_is_content(
    logs_of: Reader, out: Path
) -> None:
    out.mkdir()

    with pytest.raises(IntegrationError, match=r"app-out-0\.log cannot be read \(Is a directory\)"):
        await logs_of(out).tail(3)
    with pytest.raises(IntegrationError, match=r"app-out-0\.log cannot be read \(Is a directory\)"):
        await logs_of(out).tail(3, containing="a")


async def test_a_line_that_goes_on_for_ever_is_cut(logs_of: Reader, out: Path) -> None:
    out.write_text("x" * 300_000 + "\nshort\n")

    tail = await logs_of(out).tail(2)

    assert [len(text) for text in tail.lines] == [2000 + len("… (298000 more characters)"), 5]


@pytest.mark.row("E4")
async def test_a_line_is_not_cut_within_a_secret_of_which_half_would_be_shown(logs_of: Reader, out: Path) -> None:
    out.write_text(f"{'x' * 1970} {'s3cret' * 12}\n")

    [text] = (await logs_of(out).tail(1)).lines

    assert text == f"{'x' * 1970} … (72 more characters)"


async def test_a_file_that_was_just_rotated_is_read_on_in_the_one_before(logs_of: Reader, out: Path) -> None:
    out.with_name(f"{out.name}.1").write_text(f"{line(1, 'a')}\n{line(2, 'b')}\n")
    out.write_text(f"{line(3, 'c')}\n")

    tail = await logs_of(out).tail(3)

    assert messages(tail) == ["a", "b", "c"]
    assert tail.left_out == "app-out-0.log.1 was read too"


async def test_a_file_that_was_moved_away_while_the_service_writes_on_is_found(logs_of: Reader, out: Path) -> None:
    out.with_name(f"{out.name}.1").write_text(f"{line(1, 'a')}\n")

    tail = await logs_of(out).tail(3)

    assert messages(tail) == ["a"]
    assert tail.left_out == "app-out-0.log was moved to app-out-0.log.1"


async def test_a_rotated_file_that_is_older_and_not_needed_is_left_alone(logs_of: Reader, out: Path) -> None:
    old = out.with_name(f"{out.name}.1")
    old.write_text(f"{line(1, 'a')}\n")
    os.utime(old, (1000, 1000))
    out.write_text(f"{line(2, 'b')}\n")

    assert await logs_of(out).tail(1) == LogTail((line(2, "b"),), "")


async def test_one_file_that_cannot_be_read_is_told_and_the_others_are_shown(
    logs_of: Reader, out: Path, err: Path
) -> None:
    out.write_text(f"{line(1, 'a')}\n")

    tail = await logs_of(out, err).tail(3)

    assert messages(tail) == ["a"]
    assert tail.left_out == "app-error-0.log cannot be read (No such file or directory)"


async def test_logs_that_cannot_be_read_at_all_are_an_error_and_no_silence(logs_of: Reader, out: Path) -> None:
    with pytest.raises(IntegrationError, match=r"No log could be read: app-out-0\.log cannot be read"):
        await logs_of(out).tail(3)
    with pytest.raises(IntegrationError, match="names no log file"):
        await logs_of().tail(3)


async def test_empty_logs_are_empty(logs_of: Reader, out: Path) -> None:
    out.write_text("")

    assert await logs_of(out).tail(3) == LogTail((), "")


async def test_a_ping_tells_how_many_files_are_there(logs_of: Reader, out: Path, err: Path) -> None:
    out.write_text("")

    assert await logs_of(out, err).ping() == "1 of 2 log files are there"


_TEXTS = st.lists(st.text(st.characters(exclude_characters="\r\n\x1b", exclude_categories=("Cc", "Cs"))))
_FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(lines=_TEXTS)
@_FEW
async def test_the_lines_that_are_read_are_those_that_the_file_has(
    logs_of: Reader, lines: list[str], out: Path
) -> None:
    out.write_text("".join(f"{text}\n" for text in lines))

    assert list((await logs_of(out).tail(1000)).lines) == lines


@given(lines=st.lists(st.sampled_from(["ab", "b", "ba", "xyxyxyxy", "bbbbbbbbbbbbb"]), max_size=12))
@_FEW
async def test_searching_the_end_first_finds_the_lines_that_searching_all_of_it_finds(
    logs_of: Reader, lines: list[str], out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "_END", 8)
    out.write_text("".join(f"{text}\n" for text in lines))

    found = (await logs_of(out).tail(3, containing="b")).lines

    assert list(found) == [text for text in lines if "b" in text][-3:]
