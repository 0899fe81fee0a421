"""The whole bot as processes: `opsbot run` on a configuration, against a local Slack and a real gateway."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from bot.demo.gateway import Gateway
from bot.demo.workspace import Person, Workspace
from bot.demo.workspace.records import Channel
from bot.demo.world import configure
from tests.waiting import until


@dataclass(slots=True)
class Bot:
    """One replica."""

    process: asyncio.subprocess.Process
    log: Path
    port: int = 0

    def lines(self) -> list[dict[str, Any]]:
        """Its log so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    async def started(self) -> None:
        """Return when it takes payloads."""
        await until(lambda: self.process.returncode is not None or self._find_port(), within=60)
        assert self.process.returncode is None, self.log.read_text()[-2000:]

    def _find_port(self) -> bool:
        self.port = next((line["port"] for line in self.lines() if line["event"] == "started"), 0)
        return bool(self.port)

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def kill(self) -> None:
        self.send(signal.SIGKILL)
        await self.process.wait()

    async def stop(self) -> float:
        """SIGTERM, and how many seconds it took to leave."""
        loop = asyncio.get_running_loop()
        asked = loop.time()
        self.send(signal.SIGTERM)
        await asyncio.wait_for(self.process.wait(), 30)
        return loop.time() - asked

    async def get(self, path: str) -> tuple[int, str]:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.port}{path}") as answer,
        ):
            return answer.status, await answer.text()


@dataclass(slots=True)
class Installation:
    """A configured bot: what is changed in `settings` holds for those that start after it."""

    file: Path
    workspace: Workspace
    ana: Person
    ben: Person
    channel: Channel
    settings: dict[str, Any]
    bots: list[Bot] = field(default_factory=list)

    async def start(self, environment: Mapping[str, str] | None = None) -> Bot:
        """One more replica, ready."""
        self._write()
        log = self.file.with_name(f"bot-{len(self.bots)}.log")
        with log.open("w") as out:
            process = await asyncio.create_subprocess_exec(
                *(Path(sys.executable).with_name("opsbot"), "--config", self.file, "run"),
                env={**_clean_environment(), **(environment or {})},
                stdin=asyncio.subprocess.DEVNULL,
                stderr=out,
            )
        bot = Bot(process, log)
        self.bots.append(bot)
        await bot.started()
        return bot

    async def do(self, *words: str, typed: str = "") -> tuple[int, str]:
        """`opsbot do` in a shell: its exit code, and what it says."""
        self._write()
        process = await asyncio.create_subprocess_exec(
            *(str(Path(sys.executable).with_name("opsbot")), "--config", str(self.file), "do", *words),
            env=_clean_environment(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await asyncio.wait_for(process.communicate(typed.encode()), 90)
        assert process.returncode is not None
        return process.returncode, said.decode()

    def _write(self) -> None:
        self.file.write_text(yaml.safe_dump(self.settings))


def _clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("OPSBOT_")}


@asynccontextmanager
async def installed(
    demo: Gateway, database: str, folder: Path, *, retry_delays: Sequence[float] = (0, 60, 300)
) -> AsyncIterator[Installation]:
    """A local Slack, a gateway, and a configuration that knows both; no bot runs yet."""
    async with Workspace.open(retry_delays=retry_delays) as workspace:
        ana, ben = workspace.person("ana"), workspace.person("ben")
        channel = workspace.channel("payments-ops", members=[ana, ben])
        file = configure(folder, workspace=workspace, gateway=demo, people=(ana, ben), channel=channel, sabotage="")
        (folder / "secrets" / "database_url").write_text(database)
        settings = yaml.safe_load(file.read_text()) | {"schedules": []}
        installation = Installation(file, workspace, ana, ben, channel, settings)
        yield installation
        for bot in installation.bots:
            if bot.process.returncode is None:
                await bot.kill()


@pytest.fixture
async def installation(demo: Gateway, database: str, tmp_path: Path) -> AsyncIterator[Installation]:
    """The shared gateway's."""
    async with installed(demo, database, tmp_path) as installation:
        yield installation
