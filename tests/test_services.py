"""From the configuration of a service to what it is built of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from bot.core.integration import Integration, IntegrationConfig
from bot.core.ports import Host, Http, Logs
from bot.services import Systems, build_services
from bot.settings import SettingsFault, integrations, load
from integrations.docker_compose import DockerCompose
from integrations.local import LocalHost
from integrations.logs import FileLogs
from integrations.ssh.host import SshHost
from integrations.systemd import Systemd

REMOTE = {"address": "192.0.2.1", "user": "deploy", "key": "/keys/deploy", "known_hosts": "/keys/known_hosts"}


def built(service: Mapping[str, Any], *, data: Path, more: tuple[Integration, ...] = ()) -> Systems:
    known = {**integrations(), **{each.name: each for each in more}}
    file = data / "opsbot.yaml"
    file.write_text(yaml.safe_dump({"services": {"shop": service}}))
    return build_services(load(file, known=known), known=known, http=cast("Http", None), data=data)


@dataclass(slots=True)
class Elsewhere:
    """A host as far as it is built and closed."""

    config: IntegrationConfig
    name: str = "elsewhere"
    closed: bool = False

    async def close(self) -> None:
        self.closed = True


OTHER = Integration("elsewhere", IntegrationConfig, Elsewhere, provides=(Host,))


def test_without_a_word_a_service_is_on_the_bots_own_machine(tmp_path: Path) -> None:
    systems = built({}, data=tmp_path)

    assert isinstance(systems.fleet.services[0].port(Host), LocalHost)


def test_a_machine_that_is_configured_takes_the_place_of_the_bots_own(tmp_path: Path) -> None:
    systems = built({"ssh": REMOTE}, data=tmp_path)

    [service] = systems.fleet.services
    assert isinstance(service.port(Host), SshHost)
    assert service.host == "192.0.2.1"
    assert "services.shop.ssh" in systems.pingable
    assert "services.shop.host" not in systems.pingable


@pytest.mark.parametrize("second", ["host", "elsewhere"])
def test_two_that_are_configured_for_the_same_are_told_by_both_keys(tmp_path: Path, second: str) -> None:
    with pytest.raises(SettingsFault) as told:
        built({"ssh": REMOTE, second: {}}, data=tmp_path, more=(OTHER,))

    assert f"services.shop.{second}" in str(told.value)
    assert "services.shop.ssh" in str(told.value)


def test_an_environment_file_elsewhere_without_the_helper_is_a_fault_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(SettingsFault, match=r"services\.shop\.env_file: /srv/\.env is on 192\.0\.2\.1.*set helper"):
        built({"ssh": REMOTE, "env_file": {"path": "/srv/.env"}}, data=tmp_path)


async def test_connections_that_are_kept_open_are_closed(tmp_path: Path) -> None:
    systems = built({"elsewhere": {}}, data=tmp_path, more=(OTHER,))
    host: object = systems.pingable["services.shop.elsewhere"]

    await systems.close()

    assert isinstance(host, Elsewhere)
    assert host.closed


@pytest.mark.row("E1", "E3")
@pytest.mark.parametrize(
    ("manager", "expected"),
    [
        ({"process_manager": {"app": "gateway", "command": ["/usr/bin/pm2"], "pm2_home": "/srv/.pm2"}}, FileLogs),
        ({"docker_compose": {"project": "gateway", "service": "app", "file": "/srv/compose.yml"}}, DockerCompose),
        ({"systemd": {"unit": "gateway.service"}}, Systemd),
    ],
    ids=["pm2", "docker compose", "systemd"],
)
def test_logs_are_read_where_the_process_manager_has_them(
    tmp_path: Path, manager: dict[str, object], expected: type
) -> None:
    systems = built(manager, data=tmp_path)

    assert isinstance(systems.fleet.pick().port(Logs), expected)


def test_a_check_that_is_not_watched_has_to_be_one_that_there_is(tmp_path: Path) -> None:
    off = ["CPU", "Memry", "Disk", "pay.example.com", "pay.example.com on file", "pey.example.com"]
    with pytest.raises(SettingsFault) as told:
        built({"watches": {"off": off}, "tls": {"hosts": ["pay.example.com"]}}, data=tmp_path)

    assert str(told.value).splitlines() == [
        "services.shop.watches.off: Memry is not known; did you mean Memory?",
        "services.shop.watches.off: Disk is not known; did you mean Disks?",
        "services.shop.watches.off: pay.example.com on file is not known; did you mean pay.example.com?",
        "services.shop.watches.off: pey.example.com is not known; did you mean pay.example.com?",
    ]
