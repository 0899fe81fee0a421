"""The demo's world: a local Slack, a real gateway, and the whole bot between them, in one folder."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from types import MappingProxyType
from typing import Any

import yaml

from bot.app import Running, private_folder
from bot.app import run as run_bot
from bot.core.redact import Redactor
from bot.demo import pm2_without
from bot.demo.front_door import front_door
from bot.demo.gateway import Gateway
from bot.demo.gateway.layout import free_port
from bot.demo.packet_filter import packet_filter
from bot.demo.reaper import Estate, Reaper
from bot.demo.tools import Say
from bot.demo.workspace import Person, Workspace
from bot.demo.workspace.records import Channel
from bot.logs import set_up
from bot.settings import integrations, load

_LAST_MIGRATION = """
require('dotenv').config({ quiet: true });
const { Connection } = require('./lib/postgres');
Connection.open(process.env.DATABASE_URL, 2000).then(async (connection) => {
  const [row] = await connection.query('SELECT max(id) AS last FROM migrations');
  process.stdout.write(`${row.last}\\n`);
  connection.close();
});
"""

TEST_PAYMENT = '{"amount": 1, "currency": "USDC", "test": true}'
OF_THE_MACHINE = ("CPU", "Load", "Memory", "Swap", "Disks", "Inodes", "Open files", "Up")
"""Checks that are not watched here: this machine is not the gateway's alone."""
LIMITS = {
    "success_percent_warn_below": 90,
    "success_percent_fail_below": 50,
    "error_percent_warn_above": 10,
    "error_percent_fail_above": 14,
    "test_payment_seconds_warn_above": 1,
    "test_payment_seconds_fail_above": 1.6,
}
"""What this service is used to: one currency of three always fails."""


@dataclass(frozen=True, slots=True)
class World:
    """What there is to play with; `ana` is on call, `ben` is incident commander, `eve` is a guest."""

    workspace: Workspace
    gateway: Gateway
    bot: Running
    ana: Person
    ben: Person
    eve: Person
    operations: Channel
    data: Path


@asynccontextmanager
async def open_world(
    data: Path, *, keep: bool, port: int, sabotage: str, say: Say, broken: bool = True
) -> AsyncIterator[World]:
    """Bring everything up below `data`, and tear it all down when the block ends, also when this process is killed.

    `data` goes with it unless it is to `keep`. Unless it is `broken` the gateway has no faults worth finding.
    """
    data = private_folder(data)
    async with AsyncExitStack() as stack:
        reaper = Reaper.start(Estate(data=(data / "bot" / "pg",), scratch=() if keep else (data,)))
        stack.callback(reaper.close)
        say("Starting a local Slack ...")
        workspace = await stack.enter_async_context(Workspace.open(port=port, calls_kept=1000))
        ana, ben = workspace.person("ana", tz="Europe/Berlin"), workspace.person("ben", tz="America/New_York")
        eve = workspace.person("eve", restricted=True)
        operations = workspace.channel("payments-ops", members=[ana, ben, eve])
        say("Starting a payment gateway under PM2, with its Postgres and Redis ...")
        gateway = await stack.enter_async_context(Gateway.open(data / "gateway", broken=broken, say=say))
        helper = await stack.enter_async_context(packet_filter(data))
        if not helper:
            say("block-ip is left out: this machine has no nft, or allows no network namespace.")
        tls = await stack.enter_async_context(front_door(data))
        if not tls:
            say("cert is left out: this machine has no openssl.")
        say("Starting opsbot, with a Postgres of its own ...")
        file = configure(
            data,
            workspace=workspace,
            gateway=gateway,
            people=(ana, ben),
            channel=operations,
            alerts=workspace.channel("payments-alerts", members=[ana, ben]),
            sabotage=sabotage,
            helper=helper,
            tls=tls,
        )
        known = integrations()
        settings = load(file, known=known, secrets=file.parent / "secrets")
        redactor = Redactor(settings.secrets())
        log = stack.enter_context((data / "opsbot.log").open("a", encoding="utf-8"))
        set_up(redactor.redact, to=log)
        bot = await stack.enter_async_context(run_bot(settings, known=known, redactor=redactor, stop_database=True))
        yield World(workspace, gateway, bot, ana, ben, eve, operations, data)


def configure(
    data: Path,
    *,
    workspace: Workspace,
    gateway: Gateway,
    people: tuple[Person, Person],
    channel: Channel,
    sabotage: str,
    alerts: Channel | None = None,
    helper: tuple[str, ...] = (),
    tls: Mapping[str, object] = MappingProxyType({}),
) -> Path:
    """Write the configuration and the secrets as an operator would, and return the file; watches tell `alerts`."""
    ana, ben = people
    first = gateway.app_dir.resolve()
    pm2 = pm2_without.argv(sabotage, gateway.pm2) if sabotage else gateway.pm2
    service: dict[str, Any] = {
        "environment": "demo",
        "process_manager": {
            "app": gateway.name,
            "command": [str(word) for word in pm2],
            "pm2_home": str(gateway.pm2_home),
            "home": str(gateway.home),
            "path": gateway.node_path,
            "ecosystem": str(gateway.app_dir / "ecosystem.config.js"),
        },
        "releases": {
            "link": str(gateway.app_dir),
            "folder": str(first.parent),
            "repository": str(first),
            "shared": {".env": str(first / ".env")},
            # As `npm ci` and `npm run build` do, from the packages that are there already.
            "prepare": [["cp", "-R", str(first / "node_modules"), "node_modules"], ["node", "scripts/build.js"]],
            "migrate": ["node", "scripts/migrate.js"],
            "last_migration": ["node", "-e", _LAST_MIGRATION] if gateway.database_url else [],
            "smoke_port": free_port(),
            "path": gateway.node_path,
            "home": str(gateway.home),
        },
        "env_file": {"path": str(gateway.env_file)},
        "gateway": {"url": gateway.url, "test_payment": {"body": TEST_PAYMENT, "text": '"test":true'}},
        "limits": LIMITS,
        "monitor": {"script": str(gateway.app_dir / "scripts" / "monitor.sh"), "path": gateway.node_path},
        "backups": {
            "folder": str(gateway.backup_dir),
            "script": str(gateway.app_dir / "scripts" / "backup.sh"),
            "path": gateway.node_path,
        },
        "access_log": {"path": str(gateway.access_log)},
        "credentials": {"keys": ["CROSSMINT_API_KEY", "CROSSMINT_CLIENT_ID", "CROSSMINT_WEBHOOK_SECRET"]},
        "heap": {"folder": str(gateway.heap_dir)},
    }
    watches = {"every": "5s", "bad": 2, "of": 3, "off": list(OF_THE_MACHINE)}
    if alerts:
        service |= {"watches": {"channel": alerts.id, **watches}, "automation": {"allow": ["heal"]}}
    service |= {"database": {}} if gateway.database_url else {}
    service |= {"redis": {}} if gateway.redis_url else {}
    service |= {"provider": _provider(gateway.provider_url)} if gateway.provider_url else {}
    service |= {"firewall": {"command": list(helper)}} if helper else {}
    service |= {"tls": dict(tls)} if tls else {}
    yesterday = datetime.now(UTC) - timedelta(days=1)
    settings = {
        "data_dir": str(data / "bot"),
        "zone": "Europe/Berlin",
        "slack": {"api_url": workspace.api_url},
        "web": {"port": 0},
        "people": {"default_role": "viewer", "users": {ana.id: "responder", ben.id: "commander"}},
        "contacts": [
            {"role": "Primary On-Call", "contact": ana.id, "when": "First point of contact"},
            {"role": "Infrastructure", "contact": "devops@your-domain.com", "when": "Server/network issues"},
        ],
        "on_call": {"rota": [ana.id, ben.id], "since": f"{yesterday:%Y-%m-%d}T09:00", "zone": "Europe/Berlin"},
        "incidents": {"responders": [ben.id]},
        "alerts": {"channel": channel.id},
        "services": {gateway.name: service},
        "schedules": [{"name": "health", "channel": channel.id, "when": "*/15 * * * *", "zone": "Europe/Berlin"}],
    }
    file = data / "opsbot.yaml"
    file.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    secrets = private_folder(data / "secrets")
    values = {
        "slack__bot_token": workspace.bot_token,
        "slack__app_token": workspace.app_token,
        "alerts__generic_secret": token_hex(16),
    }
    for name, value in values.items():
        descriptor = os.open(secrets / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            out.write(value)
    return file


def _provider(url: str) -> dict[str, Any]:
    """The payment provider of the demo, a sandbox of its own on the loopback."""
    return {
        "name": "Crossmint sandbox",
        "url": url,
        "probe_url": f"{url}/api/2022-06-09/checkout/sessions",
        "headers": {"X-API-KEY": "CROSSMINT_API_KEY"},
    }
