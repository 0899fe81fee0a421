"""The everyday actions on a service that is on another machine: its configuration is all that differs."""

from __future__ import annotations

import dataclasses
import json
import os
import pwd
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
import yaml

from bot.core.firewall import HostNetwork
from bot.core.ports import EnvFile, Gateway, Monitor, Processes, Voice
from bot.core.releases import Releases
from bot.core.results import OperationState
from bot.services import build_services
from bot.settings import integrations, load
from integrations.envfile import HelperEnvFile
from integrations.http import HttpClient
from tests.commands.bench import Bench
from tests.fixtures_gateway import Live
from tests.fixtures_ssh import Sshd
from tests.namespaces import HELPER

KEY = "ENABLE_MAINTENANCE_MODE"


@pytest.fixture
async def remote(live: Live, sshd: Sshd, bench: Bench, tmp_path: Path) -> AsyncIterator[Bench]:
    """The gateway by a configuration that knows it over SSH only; its env file by the helper."""
    demo = live.demo
    conf = tmp_path / "opsbot-host.json"
    user = pwd.getpwuid(os.geteuid()).pw_name
    allowed = {str(demo.env_file): {"user": user, "keys": [KEY]}}
    conf.write_text(json.dumps({"lock": str(tmp_path / "helper.lock"), "env": allowed}))
    first = demo.app_dir.resolve()
    service = {
        "ssh": json.loads(sshd.config(path=demo.node_path).model_dump_json()),
        "process_manager": {
            "app": demo.name,
            "command": list(demo.pm2),
            "pm2_home": str(demo.pm2_home),
            "home": str(demo.home),
            "ecosystem": str(demo.app_dir / "ecosystem.config.js"),
        },
        "env_file": {
            "path": str(demo.env_file),
            "helper": [sys.executable, "-I", str(HELPER), "--conf", str(conf)],
        },
        "gateway": {"url": demo.url},
        "monitor": {"script": str(demo.app_dir / "scripts" / "monitor.sh"), "path": demo.node_path},
        "releases": {"link": str(demo.app_dir), "folder": str(first.parent), "repository": str(first)},
    }
    file = tmp_path / "opsbot.yaml"
    file.write_text(yaml.safe_dump({"services": {demo.name: service}}))
    known = integrations()
    async with HttpClient() as http:
        systems = build_services(load(file, known=known), known=known, http=http, data=tmp_path / "data")
        bench.live = dataclasses.replace(live, service=systems.fleet.services[0])
        yield bench
        await systems.close()


@pytest.mark.row("G1", "G2")
async def test_maintenance_is_turned_on_and_off_over_ssh_and_seen_from_outside(remote: Bench, sshd: Sshd) -> None:
    env = remote.service.port(EnvFile)

    on = await remote.run("maintenance on 30m provider down")

    assert on.state is OperationState.DONE, await remote.evidence(on)
    assert (await env.read(KEY)).value == "true"
    assert set((await in_maintenance(remote)).values()) == {True}

    off = await remote.run("maintenance off")

    assert off.state is OperationState.DONE, await remote.evidence(off)
    assert (await env.read(KEY)).value != "true"
    assert set((await in_maintenance(remote)).values()) == {False}
    assert remote.service.host == f"127.0.0.1:{sshd.port}"
    assert isinstance(env, HelperEnvFile)


async def in_maintenance(remote: Bench) -> Mapping[Voice, bool]:
    """What each worker says."""
    workers = await remote.service.port(Processes).workers()
    return await remote.service.port(Gateway).in_maintenance([worker.voice for worker in workers])


async def test_status_over_ssh_is_that_of_the_workers_there(remote: Bench) -> None:
    assert "2 of 2 online" in await remote.says("status")


async def test_network_monitor_and_releases_are_those_of_the_machine(remote: Bench) -> None:
    service = remote.service

    assert "127.0.0.1" in await service.port(HostNetwork).must_reach()
    assert (await service.port(Monitor).run()).code == 0
    assert (await service.port(Releases).current()).sha
