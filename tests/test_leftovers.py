"""Nothing that a test started outlives the run of the tests."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import psutil
import pytest

from tests.rows import ROOT
from tests.waiting import until

CONFTEST = """
import pathlib
from tests.leftovers import Leftovers

def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Leftovers(pathlib.Path(__file__).with_name("cluster")))
"""
MODULE = """
import pathlib, subprocess, time

def test_that_hangs():
    left = subprocess.Popen(["sleep", "600"], start_new_session=True)
    pathlib.Path(__file__).with_name("pid.new").write_text(str(left.pid))
    pathlib.Path(__file__).with_name("pid.new").rename(pathlib.Path(__file__).with_name("pid"))
    time.sleep({seconds})
"""


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "in parallel"])
@pytest.mark.parametrize("number", [0, signal.SIGINT, signal.SIGKILL], ids=["its end", "Ctrl-C", "KILL"])
async def test_nothing_is_left_of_a_run(tmp_path: Path, workers: tuple[str, ...], number: int) -> None:
    (tmp_path / "cluster").mkdir()
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "pytest.ini").write_text("")
    (tmp_path / "test_it.py").write_text(MODULE.format(seconds=600 if number else 0))
    argv = (sys.executable, "-m", "pytest", "-q", "--rootdir", str(tmp_path), *workers, str(tmp_path))
    run = await asyncio.create_subprocess_exec(*argv, cwd=ROOT, stdout=asyncio.subprocess.DEVNULL)
    await until((tmp_path / "pid").exists, within=60)
    left = int((tmp_path / "pid").read_text())

    if number:
        run.send_signal(number)
    await run.wait()

    await until(lambda: not psutil.pid_exists(left) and not (tmp_path / "cluster").exists(), within=60)
