"""A real Redis of a test's own."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp.test_utils import unused_port
from pydantic import SecretStr
from redis import Redis

from bot.core.ports import EnvFile
from bot.demo.tools import ensure_tools
from integrations import redis

PASSWORD = "hunter22"


@dataclass(frozen=True, slots=True)
class Server:
    """Where it is reached, a client that is not the bot's, and the integration on it."""

    port: int
    client: Redis
    env: EnvFile

    def service(self, who: str = f":{PASSWORD}", **config: str) -> redis.ServiceRedis:
        """The integration, logged in as `user:password`."""
        url = SecretStr(f"redis://{who}@127.0.0.1:{self.port}/0")
        return redis.ServiceRedis(redis.Config(url=url, **config), env=self.env)

    def reader(self, *commands: str) -> redis.ServiceRedis:
        """The integration as a user of its own who may run these commands on rate limits, and nothing else."""
        rights = [f"+{command}" for command in commands]
        self.client.acl_setuser(
            "reader", enabled=True, reset=True, passwords=["+reads"], commands=rights, keys=["rate_limit:*"]
        )
        return self.service("reader:reads")

    def calls(self, command: str) -> int:
        """How often Redis ran a command since it was last asked to forget."""
        found = self.client.info("commandstats").get(f"cmdstat_{command}", {"calls": 0})
        return int(found["calls"])


@contextmanager
def redis_server(folder: Path, *arguments: str) -> Iterator[int]:
    """The port of a Redis with a password, in memory alone."""
    program = ensure_tools().redis
    if program is None:
        pytest.skip("no redis-server for this platform")
    port = unused_port()
    settings = ("--port", str(port), "--bind", "127.0.0.1", "--requirepass", PASSWORD, "--save", "")
    argv = (str(program), *arguments, *settings)
    with subprocess.Popen(argv, cwd=folder, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        until = time.monotonic() + 20
        while "Ready to accept connections" not in server.stdout.readline():
            assert time.monotonic() < until
        yield port
        server.terminate()
