"""Searching a large log: the bot on a host with rg, and on one with grep alone, against these tools themselves."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import psutil

from bot.core.ports import LogFile
from bot.core.search import Pattern
from integrations import access_log, local, logs
from tests.bench.figures import Figure
from tests.bench.ground import Ground
from tests.fakes import FakeProcesses
from tests.searching import with_tools

MEGABYTES = int(os.environ.get("OPSBOT_BENCH_MB", "1000"))
"""Size of the log that is searched."""

_ROUNDS = 7
_START = datetime(2026, 3, 2, tzinfo=UTC)
_LAST = 20
_RARE, _FREQUENT = "sqlmap", "payments"
_NEEDLES = 25
_AIMS = {"rg": "<= 1.5", "grep": "<= 1.2"}

Ask = Callable[[str], Awaitable[int]]
"""A search for a text, which gives how many lines were found."""


async def search(ground: Ground) -> AsyncIterator[Figure]:
    """Seconds for a rare text, and for the last lines with a frequent one; memory of this process meanwhile."""
    tools = [tool for tool in ("rg", "grep") if shutil.which(tool)]
    growth: list[float] = []
    with tempfile.TemporaryDirectory(dir=ground.folder) as name:
        folder = Path(name)
        hosts = {tool: local.LocalHost(local.Config(path=with_tools(folder / tool, searching=tool))) for tool in tools}
        for what, line, make in (("logs", _log_line, _logs), ("access_log", _request_line, _access_log)):
            file = folder / f"{what}.log"
            _write(file, line)
            for tool, host in hosts.items():
                ask = make(file, host)
                async with _growth(growth):
                    async for figure in _compare(f"search.{what}", tool, file, ask):
                        yield figure
            file.unlink()
    before, peak = growth[0], max(growth)
    yield Figure("search.memory", peak, "MB", before, f"itself before it searched {MEGABYTES:,} MB", "<= 1.2")


async def _compare(name: str, tool: str, file: Path, ask: Ask) -> AsyncIterator[Figure]:
    """The bot and the tool in turns, on a file that is in memory."""
    for kind, text, least in (("rare", _RARE, _NEEDLES), ("frequent", _FREQUENT, _LAST)):
        ours: list[float] = []
        plain: list[float] = []
        for number in range(_ROUNDS + 1):
            began = time.perf_counter()
            lines = await asyncio.to_thread(_plain, tool, text, file, limit=_LAST if kind == "frequent" else 0)
            between = time.perf_counter()
            found = await ask(text)
            ended = time.perf_counter()
            assert min(lines, found) >= min(least, _LAST), (lines, found)
            if number:  # the first one warms the cache
                plain.append(between - began)
                ours.append(ended - between)
        tail = f" | tail -n {_LAST}" if kind == "frequent" else ""
        against = f"{tool} -aFi {text}{tail}, {MEGABYTES:,} MB"
        yield Figure(f"{name}.{tool}.{kind}", median(ours) * 1e3, "ms", median(plain) * 1e3, against, _AIMS[tool])


def _plain(tool: str, text: str, file: Path, *, limit: int) -> int:
    """The tool by itself as a person types it; how many lines it prints."""
    argv = (tool, "-a", "-F", "-i", "-e", text, "--", str(file))
    if not limit:
        return subprocess.run(argv, stdout=subprocess.PIPE, check=True).stdout.count(b"\n")
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as searching:
        tail = ("tail", "-n", str(limit))
        return subprocess.run(tail, stdin=searching.stdout, stdout=subprocess.PIPE, check=True).stdout.count(b"\n")


def _logs(file: Path, host: local.LocalHost) -> Ask:
    reader = logs.FileLogs(logs.Config(), processes=FakeProcesses((), (LogFile(str(file), errors=False),)), host=host)

    async def ask(text: str) -> int:
        return len((await reader.tail(_LAST if text == _FREQUENT else 100, containing=text)).lines)

    return ask


def _access_log(file: Path, host: local.LocalHost) -> Ask:
    reader = access_log.AccessLogFiles(access_log.Config(path=str(file)), host=host)

    async def ask(text: str) -> int:
        return len((await reader.newest(since=_START, wanted=Pattern(text), count=1000)).requests)

    return ask


def _write(file: Path, line: Callable[[int, str], str]) -> None:
    """A few megabytes of different lines, over and over, and a few lines that are rare."""
    block = "".join(line(number, f"/api/payments/{number * 7919 % 1_000_003}") for number in range(30_000)).encode()
    blocks = max(MEGABYTES * 1_000_000 // len(block), 1)
    every = max(blocks // _NEEDLES, 1)
    with file.open("wb") as out:
        for number in range(blocks):
            out.write(block)
            if number % every == 0:
                out.write(line(number, f"/{_RARE}").encode() * (_NEEDLES if blocks < _NEEDLES else 1))


def _request_line(number: int, path: str) -> str:
    at = _START + timedelta(seconds=number)
    address = f"198.51.100.{number * 31 % 254}"
    return (
        f'{address} - - [{at:%d/%b/%Y:%H:%M:%S %z}] "GET {path} HTTP/1.1" 200 {number % 3000} "-" "checkout-web/3.2"\n'
    )


def _log_line(number: int, path: str) -> str:
    at = (_START + timedelta(seconds=number)).isoformat()
    return json.dumps({"level": "info", "time": at, "msg": "handled", "path": path, "pid": 4711}) + "\n"


@asynccontextmanager
async def _growth(seen: list[float]) -> AsyncIterator[None]:
    """Resident memory of this process in MB, every few milliseconds."""
    process = psutil.Process()

    async def watch() -> None:
        while True:
            seen.append(process.memory_info().rss / 1e6)
            await asyncio.sleep(0.005)

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0)
    try:
        yield
    finally:
        watching.cancel()
