"""Which system a service's port is, where several could be it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bot.core.ports import Logs
from bot.services import build_services
from bot.settings import integrations, load
from integrations.docker_compose import DockerCompose
from integrations.http import HttpClient
from integrations.logs import FileLogs
from integrations.systemd import Systemd


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
async def test_logs_are_read_where_the_process_manager_has_them(
    tmp_path: Path, manager: dict[str, object], expected: type
) -> None:
    file = tmp_path / "opsbot.yaml"
    file.write_text(yaml.safe_dump({"services": {"gateway": manager}}))
    known = integrations()

    async with HttpClient() as http:
        systems = build_services(load(file, known=known), known=known, http=http, data=tmp_path)

    assert isinstance(systems.fleet.pick().port(Logs), expected)
