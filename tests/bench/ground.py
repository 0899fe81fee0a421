"""The ground that all groups share: a local Slack, a Postgres, servers as processes, and signed requests at them."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlencode

import psutil
import yaml

from bot.core.incidents import Incident
from bot.demo.workspace import Person, Workspace
from bot.demo.workspace.records import Channel
from bot.store.embedded import EmbeddedPostgres
from bot.store.migrate import migrate
from bot.store.postgres import Postgres
from tests.bench.server import never
from tests.bench.wire import HOST, Lines

Body = tuple[bytes, str]
"""A request's body and its content type."""


@dataclass(slots=True)
class Server:
    """A server process; `port` is 0 over Socket Mode."""

    process: psutil.Process
    port: int

    def cpu(self) -> float:
        """Seconds of user and system time so far."""
        times = self.process.cpu_times()
        return times.user + times.system

    def memory(self) -> float:
        """Resident memory in MB."""
        return self.process.memory_info().rss / 1e6


@dataclass(slots=True)
class Ground:
    """What the groups stand on."""

    workspace: Workspace
    ana: Person
    channel: Channel
    database: str
    folder: Path
    lines: Lines
    hook: int
    answer_delay: float = 0
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @asynccontextmanager
    async def server(self, kind: str, **wanted: object) -> AsyncIterator[Server]:
        """A server of `kind`, bare or ours, ready to be asked."""
        workspace = self.workspace
        workspace.request_url = None
        settings = {
            "api": workspace.api_url,
            "token": workspace.bot_token,
            "app_token": workspace.app_token,
            "secret": workspace.signing_secret,
            "database": self.database,
            "transport": "http",
            **wanted,
        }
        async with _started("tests.bench.server", kind, json.dumps(settings)) as (process, port):
            yield Server(process, port)

    @asynccontextmanager
    async def bot(
        self,
        data: Path,
        *,
        database: str = "",
        more: Mapping[str, object] = MappingProxyType({}),
        secrets: Mapping[str, str] = MappingProxyType({}),
    ) -> AsyncIterator[Server]:
        """`opsbot run`, the whole of it; with an embedded Postgres in `data` unless it is given a database.

        `more` is configured besides, `secrets` by the names of their variables.
        """
        file = self.folder / "opsbot.yaml"
        slack = {"api_url": self.workspace.api_url, "transport": "http"}
        file.write_text(yaml.safe_dump({"data_dir": str(data), "slack": slack, "web": {"port": 0}, **more}))
        environment = {
            **os.environ,
            "OPSBOT_SLACK__BOT_TOKEN": self.workspace.bot_token,
            "OPSBOT_SLACK__SIGNING_SECRET": self.workspace.signing_secret,
            "OPSBOT_DATABASE_URL": database,
            **secrets,
        }
        argv = (str(Path(sys.executable).with_name("opsbot")), "--config", str(file), "run")
        process = await asyncio.create_subprocess_exec(*argv, env=environment, stderr=asyncio.subprocess.PIPE)
        assert process.stderr
        try:
            port = 0
            while not port:
                port = json.loads(await process.stderr.readline()).get("port", 0)
            yield Server(psutil.Process(process.pid), port)
        finally:
            process.terminate()
            await process.communicate()

    def command(self) -> Body:
        """A slash command that has not come before."""
        number = next(self._numbers)
        form = {
            "team_id": self.workspace.team_id,
            "api_app_id": self.workspace.app_id,
            "command": "/ops",
            "text": "ping",
            "user_id": self.ana.id,
            "channel_id": self.channel.id,
            "trigger_id": f"{time.time_ns()}.{number}",
            "response_url": f"http://{HOST}:{self.hook}/{self.answer_delay}",
        }
        return urlencode(form).encode(), "application/x-www-form-urlencoded"

    def event(self) -> Body:
        """A message that has not come before, in the channel of an incident."""
        number = next(self._numbers)
        ts = f"17{number:08}.000100"
        event = {
            "type": "message",
            "channel": self.channel.id,
            "user": self.ana.id,
            "text": f"{number}: the provider answers again, and the error rate goes down",
            "ts": ts,
            "event_ts": ts,
            "channel_type": "channel",
            "team": self.workspace.team_id,
        }
        payload = {
            "team_id": self.workspace.team_id,
            "api_app_id": self.workspace.app_id,
            "type": "event_callback",
            "event": event,
            "event_id": f"Ev{number}",
            "event_time": 1,
            "authorizations": [{"team_id": self.workspace.team_id, "user_id": "U1", "is_bot": True}],
        }
        return json.dumps(payload).encode(), "application/json"

    def signed(self, body: bytes, kind: str) -> bytes:
        """A request as Slack makes it."""
        at = str(int(time.time()))
        mac = hmac.new(self.workspace.signing_secret.encode(), f"v0:{at}:".encode() + body, hashlib.sha256)
        head = (
            "POST /slack/events HTTP/1.1",
            f"Host: {HOST}",
            f"Content-Type: {kind}",
            f"Content-Length: {len(body)}",
            f"X-Slack-Request-Timestamp: {at}",
            f"X-Slack-Signature: v0={mac.hexdigest()}",
        )
        return "\r\n".join((*head, "", "")).encode() + body

    async def post(self, server: Server, request: bytes) -> float:
        """Send one request; seconds until its ack. `ConnectionError` when there was none."""
        began = time.perf_counter()
        status, _ = await self.lines.ask(server.port, request)
        seconds = time.perf_counter() - began
        assert status == HTTPStatus.OK, status
        return seconds

    async def answered(self) -> int:
        """How many answers have come so far."""
        _, body = await self.lines.ask(self.hook, f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        return int(body)

    async def flood(
        self, server: Server, make: Callable[[], Body], *, count: int, clients: int = 1
    ) -> tuple[list[float], float]:
        """Latencies of `count` requests by `clients` at a time, and how many a second there were."""
        latencies: list[float] = []
        requests = iter([self.signed(*make()) for _ in range(count)])

        async def client() -> None:
            for request in requests:
                latencies.append(await self.post(server, request))  # noqa: PERF401 - of many clients into one list

        began = time.perf_counter()
        await asyncio.gather(*(client() for _ in range(clients)))
        return latencies, count / (time.perf_counter() - began)

    async def steady(self, server: Server, make: Callable[[], Body], *, count: int, a_second: int) -> list[float]:
        """Latencies of requests that come at a set rate, whatever became of the ones before."""

        async def one(number: int, request: bytes) -> float:
            await asyncio.sleep(number / a_second)
            return await self.post(server, request)

        requests = [self.signed(*make()) for _ in range(count)]
        return list(await asyncio.gather(*(one(number, request) for number, request in enumerate(requests))))


@asynccontextmanager
async def ground() -> AsyncIterator[Ground]:
    """Bring it up, and tear it down."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="opsbot-bench-")))
        embedded = EmbeddedPostgres(folder, stop_always=True)
        database = embedded.start()
        stack.callback(embedded.stop)
        migrate(database)
        workspace = await stack.enter_async_context(Workspace.open(calls_kept=100))
        ana = workspace.person("ana")
        channel = workspace.channel("inc-1", members=[ana])
        lines = Lines()
        stack.callback(lines.close)
        _, hook = await stack.enter_async_context(_started("tests.bench.hook"))
        shared = Ground(workspace, ana, channel, database, folder, lines, hook)
        incident = Incident(0, "Bench", "High", "open", channel.id, ana.id, ana.id, datetime.now(UTC))
        async with Postgres.open(database, defer=never, audit_key=b"k" * 32) as store, store.transaction() as tx:
            await tx.incidents.declare(incident)
        yield shared


@asynccontextmanager
async def _started(module: str, *args: str) -> AsyncIterator[tuple[psutil.Process, int]]:
    """A process that first says the port where it listens."""
    argv = (sys.executable, "-m", module, *args)
    process = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE)
    assert process.stdout
    try:
        yield psutil.Process(process.pid), int(await process.stdout.readline())
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
