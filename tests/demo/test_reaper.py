from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.demo.reaper import Estate, Reaper, _from_argv, _to_argv, is_alive, reap

PROJECT = Path(__file__).resolve().parents[2]
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(60)"
MEEK = "import time; print('on', flush=True); time.sleep(60)"


@pytest.fixture
def mark(tmp_path: Path) -> str:
    return f"OPSBOT_TEST_MARK={tmp_path}"


class Children:
    """Starts processes that the test ends, whatever becomes of them."""

    def __init__(self) -> None:
        self.started: list[subprocess.Popen[str]] = []

    def start(self, code: str, mark: str) -> psutil.Process:
        name, _, value = mark.partition("=")
        env = {"PATH": os.environ["PATH"], name: value}
        child = subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, text=True)
        self.started.append(child)
        assert child.stdout
        child.stdout.readline()
        return psutil.Process(child.pid)


@pytest.fixture
def children() -> Iterator[Children]:
    children = Children()
    yield children
    for child in children.started:
        child.kill()
        child.communicate()


def test_every_process_with_the_variable_ends_and_no_other(children: Children, mark: str) -> None:
    mine = [children.start(MEEK, mark) for _ in range(2)]
    other = children.start(MEEK, f"{mark}-other")
    reap(Estate(environ=(mark,)))

    assert not any(is_alive(process) for process in mine)
    assert is_alive(other)


def test_a_process_that_ignores_the_request_is_killed(
    children: Children, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.demo.reaper._PATIENCE", 0.2)
    stubborn = children.start(STUBBORN, mark)
    reap(Estate(environ=(mark,)))

    assert not is_alive(stubborn)


def test_a_process_that_starts_another_when_it_ends_is_followed(children: Children, mark: str, tmp_path: Path) -> None:
    heir = tmp_path / "heir.pid"
    code = textwrap.dedent(f"""
        import pathlib, signal, subprocess, sys, time
        def hand_over(*_):
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
            pathlib.Path({str(heir)!r}).write_text(str(child.pid))
            sys.exit()
        signal.signal(signal.SIGTERM, hand_over)
        print("on", flush=True)
        time.sleep(60)
    """)
    children.start(code, mark)
    reap(Estate(environ=(mark,)))

    assert not psutil.pid_exists(int(heir.read_text())) or not is_alive(psutil.Process(int(heir.read_text())))


def test_scratch_folders_are_removed_and_may_be_gone(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    (scratch / "inner").mkdir(parents=True)
    reap(Estate(scratch=(scratch, tmp_path / "gone")))

    assert list(tmp_path.iterdir()) == []


def test_closing_returns_when_everything_is_gone(children: Children, mark: str) -> None:
    child = children.start(MEEK, mark)
    reaper = Reaper.start(Estate(environ=(mark,)))
    alive_before = is_alive(child)
    reaper.close()

    assert alive_before
    assert not is_alive(child)
    assert not psutil.pid_exists(reaper.pid)


def test_signals_do_not_end_the_reaper_before_its_owner(children: Children, mark: str) -> None:
    child = children.start(MEEK, mark)
    reaper = Reaper.start(Estate(environ=(mark,)))
    time.sleep(0.5)  # until it has set its handlers
    for how in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(reaper.pid, how)
    reaper.close()

    assert not is_alive(child)


def test_the_owners_death_is_noticed(children: Children, mark: str, tmp_path: Path) -> None:
    child = children.start(MEEK, mark)
    code = textwrap.dedent(f"""
        import time
        from pathlib import Path
        from bot.demo.reaper import Estate, Reaper
        reaper = Reaper.start(Estate(environ=({mark!r},), scratch=(Path({str(tmp_path / "scratch")!r}),)))
        print(reaper.pid, flush=True)
        time.sleep(60)
    """)
    (tmp_path / "scratch").mkdir()
    with subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout
        reaper = psutil.Process(int(owner.stdout.readline()))
        owner.kill()
    deadline = time.monotonic() + 10
    while is_alive(reaper) and time.monotonic() < deadline:
        time.sleep(0.05)

    assert not is_alive(child)
    assert not (tmp_path / "scratch").exists()


words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)
paths = st.lists(words.map(lambda word: Path("/tmp") / word.lstrip("/")), max_size=3).map(tuple)


@given(environ=st.lists(words, max_size=3).map(tuple), data=paths, scratch=paths)
def test_the_reaper_is_told_everything(
    environ: tuple[str, ...], data: tuple[Path, ...], scratch: tuple[Path, ...]
) -> None:
    estate = Estate(environ=environ, data=data, scratch=scratch)

    assert _from_argv(list(_to_argv(estate))) == estate
