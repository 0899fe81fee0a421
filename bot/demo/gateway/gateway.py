"""The demo's gateway: bringing it up, looking at it from outside, and tearing it down."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from bot.demo.gateway.bringup import Options, Running, bring_up
from bot.demo.gateway.commands import GatewayError, run, to_thread
from bot.demo.gateway.layout import environment
from bot.demo.gateway.ownership import Ownership
from bot.demo.gateway.wire import health_by_pid, request
from bot.demo.tools import Say, Tools, ensure_tools, silent


class Worker(NamedTuple):
    """A row of PM2's list; `pid` is 0 when it does not run."""

    pm_id: int
    pid: int
    status: str


class Gateway:
    """A running gateway. `close` tears it down; so does the death of this process, of whatever cause.

    It is bound to no event loop, so that tests with a loop each can share one.
    """

    name = "crypto-payment-gateway"

    def __init__(self, running: Running, *, ownership: Ownership, tools: Tools) -> None:
        layout = ownership.layout
        self._ownership = ownership
        self.url = running.url
        self.database_url = running.database_url
        self.database_admin_url = running.database_admin_url
        self.redis_url = running.redis_url
        self.provider_url = running.provider_url
        self.releases: Mapping[str, str] = running.releases
        self.app_dir = layout.app
        self.env_file = layout.env_file
        self.pm2_home = layout.pm2_home
        self.pm2 = tools.pm2
        self.node_path = tools.path
        self.env: Mapping[str, str] = environment(layout, tools)
        """All that programs of this gateway may know, PM2 among them."""
        self.home = layout.home
        self.log_dir = layout.logs
        self.access_log = layout.access_log
        self.backup_dir = layout.backups
        self.heap_dir = layout.heap

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        root: Path,
        *,
        workers: int = 2,
        broken: bool = True,
        postgres: bool = True,
        redis: bool = True,
        load: bool = True,
        say: Say = silent,
    ) -> AsyncIterator[Gateway]:
        """A gateway in `root` for the length of the block; Options says what the arguments mean."""
        options = Options(workers=workers, broken=broken, postgres=postgres, redis=redis, load=load)
        gateway = await cls.start(root, options, say=say)
        try:
            yield gateway
        finally:
            await gateway.close()

    @classmethod
    async def start(cls, root: Path, options: Options, *, say: Say = silent) -> Gateway:
        """Bring up a gateway that the caller must close.

        `root` is an empty folder, or one that a gateway used before: all but the database cluster is made anew.
        Raises GatewayError and ToolError, and leaves nothing running then.
        """
        tools = await to_thread(ensure_tools, say=say)
        ownership = await to_thread(Ownership.take, root)
        try:
            running = await bring_up(ownership, tools, options, say=say)
        except BaseException:
            await to_thread(ownership.release)
            raise
        return cls(running, ownership=ownership, tools=tools)

    async def close(self) -> None:
        """Tear everything down; again is nothing. Returns when no process is left."""
        await to_thread(self._ownership.release)

    async def deploy_by_hand(self, release: str) -> None:
        """Check out a release and reload, as somebody at the shell would who believes PM2's exit code.

        Raises GatewayError when there is no such release.
        """
        if release not in self.releases:
            raise GatewayError(f"There are the releases {', '.join(self.releases)}.")
        await run(("git", "checkout", "--quiet", release), env=self.env, cwd=self.app_dir)
        await run((*self.pm2, "reload", self.name), env=self.env, cwd=self.app_dir, within=60)

    async def workers(self) -> list[Worker]:
        """The service's rows in PM2's list, and no row when there is no daemon."""
        if not (self.pm2_home / "pm2.pid").exists():
            return []  # `pm2 jlist` would start a daemon only to say this
        text = await run((*self.pm2, "jlist"), env=self.env, cwd=self.app_dir)
        rows = [row for row in json.loads(text) if row["name"] == self.name]
        return [Worker(row["pm_id"], row["pid"] or 0, row["pm2_env"]["status"]) for row in rows]

    async def http(
        self, path: str, *, method: str = "GET", payload: Mapping[str, Any] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """The status and JSON body of one request on a connection of its own: PM2 chooses the worker by connection.

        Raises aiohttp.ClientError when nobody answers, TimeoutError after 10 s.
        """
        return await request(self.url + path, method=method, payload=payload)

    async def pids_answering(self, requests: int) -> set[int]:
        """The pids that answered `requests` calls of /health; a call that nobody answers counts for nothing."""
        return set(await health_by_pid(self.url, requests=requests))
