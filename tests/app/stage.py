"""What a pair of bots acts on: real systems, and how often anything was done to each of them, counted there."""

from __future__ import annotations

import asyncio
import shlex
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from redis import Redis

from bot.demo.gateway import Gateway
from bot.demo.packet_filter import packet_filter
from tests.commands.test_backup import GOOD, keep
from tests.commands.test_db import make_roles
from tests.fixtures_gateway import pm2_cli
from tests.mail_server import MailServer, mail_server
from tests.namespaces import PATH
from tests.postgres import restartable_server
from tests.redis_server import PASSWORD

ADDRESS = "198.51.100.7"
WINDOWS_LIST = "partners"

_CHANGING = {
    *("start", "stop", "restart", "reload", "scale", "delete", "kill", "save", "resurrect"),  # PM2's
    *("block", "unblock"),  # the helper's
    *("backup", "migrate", "restart-database"),
}

_EVERY = {"slowlog-log-slower-than": 0, "slowlog-max-len": 10_000}
"""Has Redis keep every command as if it had been slow."""


@dataclass(slots=True)
class Client:
    """Somebody's connection to the service's database, whose query runs for ever; `cut` queries were ended."""

    connection: psycopg.AsyncConnection[Any]
    cut: int = 0
    _task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        return self.connection.info.backend_pid

    def start(self) -> None:
        """Ask one query after the other until the connection is gone."""
        self._task = asyncio.create_task(self._ask())

    async def _ask(self) -> None:
        while not self.connection.closed:
            try:
                await self.connection.execute(f"select pg_sleep({600 + self.cut})".encode())
            except psycopg.Error:
                self.cut += 1

    async def close(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.connection.close()


@dataclass(slots=True)
class Stage:
    """The systems of one service."""

    folder: Path
    demo: Gateway
    redis: Redis
    mail: MailServer
    database: str
    restart: tuple[str, ...]
    helper: tuple[str, ...]
    clients: list[Client] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def open(cls, folder: Path, *, demo: Gateway, redis_port: int) -> AsyncIterator[Stage]:
        """Start what is not there yet; `helper` is empty where there is no packet filter to be had."""
        async with AsyncExitStack() as stack:
            mail = await stack.enter_async_context(mail_server())
            helper = await stack.enter_async_context(packet_filter(folder))
            redis = stack.enter_context(Redis(port=redis_port, password=PASSWORD, decode_responses=True))
            conninfo, restart = stack.enter_context(restartable_server(folder))
            for name, value in _EVERY.items():
                redis.config_set(name, value)
            make_roles(conninfo)
            yield cls(folder, demo, redis, mail, conninfo, restart, helper)

    @property
    def journal(self) -> Path:
        """What the systems were told, one line each: the first word says what."""
        return self.folder / "journal"

    def settings(self) -> dict[str, Any]:
        """What a configuration of the service says of them, beside that of the gateway."""
        backups = self.folder / "backups"
        return {
            "backups": {"folder": str(backups), "script": self._script("backup", f"F={backups}; sleep 1; {GOOD}")},
            "releases": {
                "migrate": [self._script("migrate", f"sleep 1; echo 2 >>{self.folder}/applied")],
                "last_migration": ["tail", "-n", "1", str(self.folder / "applied")],
            },
            "redis": {},
            "database": {"restart": [self._script("restart-database", f"exec {shlex.join(self.restart)}")]},
            "mail": {
                "host": "127.0.0.1",
                "port": self.mail.port,
                "security": "none",
                "sender": "status@example.org",
                "recipients": {WINDOWS_LIST: ["ann@example.com"]},
            },
            **({"firewall": {"command": self._watched(self.helper)}} if self.helper else {}),
        }

    def secrets(self) -> Mapping[str, str]:
        """Addresses with passwords, by integration."""
        parts = conninfo_to_dict(self.database)
        port = self.redis.connection_pool.connection_kwargs["port"]
        return {
            "database": f"postgresql://{parts.get('user', 'postgres')}@/postgres?host={parts['host']}",
            "redis": f"redis://:{PASSWORD}@127.0.0.1:{port}/0",
        }

    def watched_pm2(self) -> list[str]:
        """PM2 whose commands are written down first."""
        return self._watched(self.demo.pm2)

    def _watched(self, command: tuple[str, ...]) -> list[str]:
        script = f'echo "$@" >>{self.journal}; exec {" ".join(command)} "$@"'
        return ["/bin/sh", "-c", script, "watched"]

    def _script(self, name: str, body: str) -> str:
        file = self.folder / "scripts" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/bash\necho {name} >>{self.journal}\n{body}\n")
        file.chmod(0o755)
        return str(file)

    def reset(self) -> None:
        """As it is before a change; the gateway itself is put back by its own fixture."""
        self.journal.unlink(missing_ok=True)
        self.mail.taken.clear()
        self.redis.flushall()
        self.redis.config_set("maxmemory", 0)
        self.redis.slowlog_reset()
        for file in self.demo.heap_dir.iterdir():
            file.unlink()
        for name in ("dump.pm2", "dump.pm2.bak"):
            (self.demo.pm2_home / name).unlink(missing_ok=True)
        (self.folder / "applied").write_text("1\n")
        backups = self.folder / "backups"
        backups.mkdir(exist_ok=True)
        for file in backups.iterdir():
            file.unlink()
        for number in (1, 2):
            keep(backups, f"payments-{number}.sql.gz")

    async def connect(self) -> Client:
        """A client of the database whose query runs."""
        conninfo = make_conninfo(self.database, user="app", application_name="checkout")
        client = Client(await psycopg.AsyncConnection.connect(conninfo, autocommit=True))
        client.start()
        self.clients.append(client)
        await asyncio.sleep(0.2)
        return client

    async def disconnect(self) -> None:
        """End all clients."""
        while self.clients:
            with suppress(psycopg.Error):
                await self.clients.pop().close()

    def by_hand(self, line: str) -> None:
        """Somebody at the shell has PM2 do something."""
        done = pm2_cli(self.demo, *line.split())
        assert done.returncode == 0, done.stderr + done.stdout

    def unblock(self) -> None:
        """Let the address in again, past the bot."""
        if self.helper:
            argv = (*self.helper, "unblock", ADDRESS)
            subprocess.run(argv, env={"PATH": PATH}, capture_output=True, check=False, timeout=30)

    def effects(self) -> Counter[str]:
        """How often each thing has been done since the last `reset`."""
        lines = self.journal.read_text().splitlines() if self.journal.exists() else []
        told = Counter(line.split()[0] for line in lines if line)
        found = Counter({word: count for word, count in told.items() if word in _CHANGING})
        asked = [entry["command"].decode() for entry in self.redis.slowlog_get(10_000)]
        found["set memory"] = sum(each.startswith("CONFIG SET maxmemory ") for each in asked)
        found["unlink"] = sum(each.startswith("UNLINK ") for each in asked)
        found["mail"] = len(self.mail.taken)
        found["heap"] = len(list(self.demo.heap_dir.iterdir()))
        found["cut"] = sum(client.cut for client in self.clients)
        if keys := self.redis.keys("cache:*"):
            found["warmed"] = sum(each.upper().startswith("SET CACHE:") for each in asked) // len(keys)
        return +found
