"""A real gateway under real PM2, one for each worker process of the tests, and the real integrations on it."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.core.fleet import Service
from bot.core.ports import Host
from bot.demo.gateway import Gateway as DemoGateway
from bot.demo.gateway import Options
from bot.demo.gateway.layout import free_port
from integrations import envfile, gateway, local, logs, pm2, releases
from integrations.http import HttpClient

PLAIN = Options(broken=False, postgres=False, redis=False, load=False)


def pm2_cli(demo: DemoGateway, *arguments: str) -> subprocess.CompletedProcess[str]:
    """PM2 as a person at the shell runs it."""
    env = {"PATH": demo.node_path, "HOME": str(demo.home), "PM2_HOME": str(demo.pm2_home), "NO_COLOR": "1"}
    argv = (*demo.pm2, *arguments)
    return subprocess.run(argv, env=env, cwd=demo.app_dir, capture_output=True, text=True, check=False, timeout=60)


def pm2_list(demo: DemoGateway) -> list[tuple[int, int, str]]:
    """(pm_id, pid, status) of each worker, as PM2 lists them."""
    rows = json.loads(pm2_cli(demo, "jlist").stdout)
    return [(row["pm_id"], row["pid"] or 0, row["pm2_env"]["status"]) for row in rows]


def check_out(demo: DemoGateway, release: str) -> None:
    """Put another release's files in place, as a deployment that was not checked would."""
    argv = ("git", "-C", str(demo.app_dir), "checkout", "--quiet", "--force", release)
    subprocess.run(argv, check=True, capture_output=True, timeout=30)


@dataclass(frozen=True, slots=True)
class Live:
    """The demo's gateway with what the bot knows of it."""

    demo: DemoGateway
    service: Service
    host: local.LocalHost
    processes: pm2.Pm2
    env: envfile.DotEnvFile
    gateway: gateway.HttpGateway
    logs: logs.FileLogs


def other_pm2(live: Live, *, host: Host | None = None, **changed: object) -> pm2.Pm2:
    """PM2 by another configuration than the one that fits."""
    fitting: dict[str, object] = {
        "app": live.demo.name,
        "command": live.demo.pm2,
        "pm2_home": str(live.demo.pm2_home),
        "home": str(live.demo.home),
    }
    return pm2.Pm2(pm2.Config.model_validate(fitting | changed), host=host or live.host)


@pytest.fixture(scope="session")
def running_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoGateway]:
    """Two workers in cluster mode; it belongs to no event loop."""
    demo = asyncio.run(DemoGateway.start(tmp_path_factory.mktemp("gw"), PLAIN))
    yield demo
    asyncio.run(demo.close())


@pytest.fixture
def demo(running_gateway: DemoGateway) -> Iterator[DemoGateway]:
    """The gateway, put back as it was: release, env file, two workers started from the ecosystem file."""
    env_file = running_gateway.env_file.resolve()
    before, events = env_file.read_bytes(), _events(running_gateway)
    yield running_gateway
    touched = False
    if running_gateway.app_dir.resolve() != env_file.parent:
        running_gateway.app_dir.unlink()
        running_gateway.app_dir.symlink_to(env_file.parent)
        touched = True
    if env_file.is_symlink() or env_file.read_bytes() != before:
        env_file.unlink()
        env_file.touch(mode=0o600)  # as the gateway made it
        env_file.write_bytes(before)
        touched = True
    head = ("git", "-C", str(running_gateway.app_dir), "diff", "--quiet", "main")
    if subprocess.run(head, check=False, timeout=30).returncode:
        check_out(running_gateway, "main")
        touched = True
    if touched or (_events(running_gateway) != events and not _is_whole(running_gateway)):
        pm2_cli(running_gateway, "delete", "all")
        assert pm2_cli(running_gateway, "start", "ecosystem.config.js", "--env", "production").returncode == 0


def _events(demo: DemoGateway) -> int:
    """How much PM2 has told of workers that came and went: listing them takes longer than most tests."""
    return (demo.pm2_home / "pm2.log").stat().st_size


def _is_whole(demo: DemoGateway) -> bool:
    """Two workers from the ecosystem file, most of which PM2 has forgotten after a resurrect."""
    rows = json.loads(pm2_cli(demo, "jlist").stdout)
    found = [(row["pm_id"], row["pm2_env"]["status"], row["pm2_env"].get("instances")) for row in rows]
    return found == [(0, "online", 2), (1, "online", 2)]


@pytest.fixture
async def live(demo: DemoGateway, tmp_path: Path) -> AsyncIterator[Live]:
    """The gateway with the integrations that a configuration for it would give."""
    async with HttpClient() as http:
        yield connect(demo, http=http, data=tmp_path / "data")


def connect(demo: DemoGateway, *, http: HttpClient, data: Path, host: local.LocalHost | None = None) -> Live:
    """The integrations on a gateway."""
    host = host or local.LocalHost(local.Config(path=demo.node_path))
    config = pm2.Config(
        app=demo.name,
        command=demo.pm2,
        pm2_home=str(demo.pm2_home),
        home=str(demo.home),
        ecosystem=str(demo.app_dir / "ecosystem.config.js"),
    )
    processes = pm2.Pm2(config, host=host)
    env = envfile.DotEnvFile(envfile.Config(path=str(demo.env_file)), data=data)
    over_http = gateway.HttpGateway(gateway.Config(url=demo.url), http=http)
    files = logs.FileLogs(logs.Config(), processes=processes, host=host)
    built = ((local, host), (pm2, processes), (envfile, env), (gateway, over_http), (logs, files))
    ports = {kind: system for module, system in built for kind in module.INTEGRATION.provides}
    service = Service(name=demo.name, environment="production", host=host.name, ports=ports)
    return Live(demo, service, host, processes, env, over_http, files)


def releases_of(demo: DemoGateway, *, host: Host) -> releases.GitReleases:
    """The releases of a gateway, each built from the packages that are there already."""
    first = demo.app_dir.resolve()
    config = releases.Config(
        link=str(demo.app_dir),
        folder=str(first.parent),
        repository=str(first),
        shared={".env": str(first / ".env")},
        prepare=(("cp", "-R", str(first / "node_modules"), "node_modules"), ("node", "scripts/build.js")),
        smoke_port=free_port(),
        path=demo.node_path,
        home=str(demo.home),
    )
    return releases.GitReleases(config, host=host)
