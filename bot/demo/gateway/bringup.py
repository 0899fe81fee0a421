"""Bringing the gateway's parts up, one after the other."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bot.demo.gateway.checkout import build, check_out, write_env
from bot.demo.gateway.commands import run, to_thread, wait_until
from bot.demo.gateway.database import service_url, start_cluster
from bot.demo.gateway.history import RELEASES
from bot.demo.gateway.layout import Layout, environment, free_port
from bot.demo.gateway.ownership import Ownership
from bot.demo.gateway.past import write_access_log, write_backups
from bot.demo.gateway.wire import accepts, health_by_pid
from bot.demo.tools import Say, Tools

_ROLE = "gateway"
_SIDE = Path(__file__).with_name("side")
_PATIENCE = 30.0  # seconds; far more than any part needs on a machine that has nothing else to do


@dataclass(frozen=True, slots=True)
class Options:
    """Which parts to bring up; the workers alone take about two seconds."""

    workers: int = 2
    broken: bool = True
    """With faults worth finding: a missed backup, payments stuck pending, one provider error again and again,
    a rate limit that never expires, a scanner in the access log, and a `.env` without its final newline."""
    postgres: bool = True
    """A Postgres cluster of its own; without it the payments are in a file."""
    redis: bool = True
    """Redis, where a program for it is found; without it there is no rate limit."""
    load: bool = True
    """A payment provider and customers who pay; without them every payment succeeds, and none is made."""


@dataclass(frozen=True, slots=True)
class Running:
    """What was brought up; the URLs of parts that were left out are None."""

    url: str
    releases: Mapping[str, str]
    """SHA by tag."""
    database_url: str | None
    """As the service's own role."""
    database_admin_url: str | None
    """As superuser."""
    redis_url: str | None
    provider_url: str | None


async def bring_up(ownership: Ownership, tools: Tools, options: Options, *, say: Say) -> Running:
    """Bring up what `options` ask for. Raises GatewayError; the caller then has the rest torn down."""
    layout = ownership.layout
    port, provider_port, password = free_port(), free_port(), secrets.token_urlsafe(18)
    await to_thread(_empty, layout)
    releases = await check_out(layout, tools)
    _write_past(layout, broken=options.broken)

    admin_url = database_url = redis_url = None
    if options.postgres:
        say("Starting the gateway's Postgres ...")
        admin_url = await to_thread(start_cluster, layout.cluster)
        database_url = service_url(admin_url, role=_ROLE, password=password)
    if options.redis and tools.redis:
        redis_url = await _start_redis(ownership, tools, tools.redis)
    links = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "CROSSMINT_API_URL": f"http://127.0.0.1:{provider_port}" if options.load else None,
    }
    write_env(layout, _settings(layout, options, port=port, links=links), final_newline=not options.broken)
    await build(layout, tools)
    seed = {
        "app": str(layout.app),
        "adminUrl": admin_url,
        "databaseUrl": database_url,
        "redisUrl": redis_url,
        "paymentsFile": str(layout.payments_file),
        "role": {"name": _ROLE, "password": password},
        "broken": options.broken,
    }
    if options.broken or database_url or redis_url:
        env = environment(layout, tools)
        await run((tools.node, _SIDE / "seed.js"), env=env, cwd=layout.root, stdin=json.dumps(seed).encode())

    say("Starting the gateway's workers under PM2 ...")
    url = f"http://127.0.0.1:{port}"
    await _start_workers(layout, tools, url=url, count=options.workers, sha=releases[RELEASES[-1].tag])
    if options.load:
        say("Starting the payment provider and its customers ...")
        arguments = (str(port), str(provider_port), "broken" if options.broken else "sound")
        await _start_traffic(ownership, tools, arguments)
    return Running(url, releases, database_url, admin_url, redis_url, links["CROSSMINT_API_URL"])


def _empty(layout: Layout) -> None:
    """Remove what an earlier gateway made here, by name; only the cluster is kept, for the time that it takes."""
    layout.app.unlink(missing_ok=True)
    for folder in (layout.releases, layout.home, layout.root / layout.pm2_home.name, layout.backups, layout.redis):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(layout.heap, ignore_errors=True)
    layout.heap.mkdir(mode=0o700)
    layout.payments_file.unlink(missing_ok=True)
    layout.home.mkdir()


def _write_past(layout: Layout, *, broken: bool) -> None:
    now = datetime.now(UTC)
    write_backups(layout.backups, now=now, missed=broken)
    write_access_log(layout.access_log, now=now, scanned=broken)


def _settings(layout: Layout, options: Options, *, port: int, links: Mapping[str, str | None]) -> dict[str, str]:
    """The service's settings, with secrets that no other gateway has; what it is not linked with has no line."""
    return {
        "PORT": str(port),
        "WORKERS": str(options.workers),
        "LOG_LEVEL": "info",
        **{name: url for name, url in links.items() if url},
        "CROSSMINT_CLIENT_ID": f"demo-{secrets.token_hex(6)}",
        "CROSSMINT_API_KEY": f"sk_demo_{secrets.token_hex(20)}",
        "CROSSMINT_WEBHOOK_SECRET": secrets.token_hex(16),
        "RATE_LIMIT_PER_MINUTE": "600",
        "PAYMENTS_FILE": str(layout.payments_file),
        "ACCESS_LOG": str(layout.access_log),
        "BACKUP_DIR": str(layout.backups),
    }


async def _start_redis(ownership: Ownership, tools: Tools, program: Path) -> str:
    """Start Redis on the loopback; returns its URL."""
    layout, port, password = ownership.layout, free_port(), secrets.token_urlsafe(18)
    layout.redis.mkdir()
    config = layout.redis / "redis.conf"
    config.touch(mode=0o600)  # in a file, because arguments are seen in the process list
    config.write_text(f'bind 127.0.0.1\nport {port}\nrequirepass {password}\ndir "{layout.redis}"\nsave ""\n')
    env = environment(layout, tools)
    ownership.spawn((program, config), env=env, cwd=layout.redis, log=layout.redis / "redis.log")
    await wait_until(lambda: accepts(port), within=_PATIENCE, what="Redis did not answer")
    return f"redis://:{password}@127.0.0.1:{port}/0"


async def _start_workers(layout: Layout, tools: Tools, *, url: str, count: int, sha: str) -> None:
    """Start the service as the runbook does, and wait until each worker answers with the release's SHA."""

    async def all_answer() -> bool:
        found = await health_by_pid(url, requests=2 * count)
        return len(found) == count and all(body["sha"] == sha for body in found.values())

    argv = (*tools.pm2, "start", "ecosystem.config.js", "--env", "production")
    await run(argv, env=environment(layout, tools), cwd=layout.app, within=_PATIENCE)
    await wait_until(all_answer, within=_PATIENCE, what="the gateway's workers did not answer")


async def _start_traffic(ownership: Ownership, tools: Tools, arguments: tuple[str, ...]) -> None:
    """Start the provider and the customers, and wait for the first payments: rates mean something from then on."""
    layout = ownership.layout
    log = layout.root / "traffic.log"

    async def ready() -> bool:
        return "ready" in log.read_text()

    argv = (str(tools.node), str(_SIDE / "traffic.js"), *arguments)
    ownership.spawn(argv, env=environment(layout, tools), cwd=layout.root, log=log)
    await wait_until(ready, within=_PATIENCE, what="the customers' first payments were not made")
