"""Process managers other than PM2, on stand-ins for their engines, with the service that they run."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.core.log_search import LogSearch
from bot.core.ports import EnvFile, Gateway, Http, Logs, Processes
from bot.core.processes import Supervisor
from bot.demo.gateway.layout import free_port
from integrations import docker_compose, envfile, gateway, local, systemd
from tests.namespaces import helper
from tests.stand_ins import state as remembered

STAND_INS = Path(__file__).parent / "stand_ins"
GOOD, BAD = "a" * 40, "badstart"
MOST = 3
"""Instances of the template that there may be."""


@dataclass(slots=True)
class Ground:
    """A folder with an engine's state."""

    folder: Path
    manager: docker_compose.DockerCompose | systemd.Systemd
    kind: str

    @property
    def file(self) -> Path:
        """What the engine remembers."""
        return self.folder / "state.json"

    @property
    def state(self) -> remembered.State:
        """The same, read."""
        state: remembered.State = json.loads(self.file.read_text())
        return state

    def set(self, **changed: Any) -> None:  # noqa: ANN401 - whatever JSON can hold
        """Have the engine remember something else."""
        with remembered.opened(self.file) as state:
            state.update(changed)

    @property
    def calls(self) -> list[list[str]]:
        """What the engine was asked for."""
        calls: list[list[str]] = self.state["calls"]
        return calls

    @property
    def pids(self) -> list[int]:
        """The processes that are there, whatever the engine says."""
        kept = [each["pid"] for each in (*self.state["boxes"], *self.state["units"].values())]
        return [pid for pid in kept if pid and remembered.is_there(pid)]

    def ports(self, *, http: Http) -> dict[type, object]:
        """What a configuration for it would give."""
        env = envfile.DotEnvFile(envfile.Config(path=self.state["env_file"]), data=self.folder / "data")
        over_http = gateway.HttpGateway(
            gateway.Config(url=f"http://127.0.0.1:{self.state['port']}", pending=None), http=http
        )
        return dict.fromkeys((Processes, Supervisor, Logs, LogSearch), self.manager) | {
            EnvFile: env,
            Gateway: over_http,
        }


@contextmanager
def ground(folder: Path, kind: str, **changed: Any) -> Iterator[Ground]:  # noqa: ANN401 - as above
    """An engine in which nothing was started yet; whatever runs at the end is ended."""
    env_file, file = folder / ".env", folder / "state.json"
    env_file.write_text("ENABLE_MAINTENANCE_MODE=false\n")
    (folder / "data").mkdir(mode=0o700)
    state: remembered.State = {
        "calls": [],
        "environment": [],
        "down": False,
        "slow": 0,
        "build": GOOD,
        "logs": [[]],
        "port": free_port(),
        "env_file": str(env_file),
        "project": "shop",
        "service": "crypto-gateway",
        "boxes": [],
        "section": {"deploy": {"replicas": 2}},
        "in_array": False,
        "health": "",
        "units": {},
        "files": [f"gateway@{number}.service" for number in range(1, MOST + 1)],
        "unit_environment": "",
        "environment_files": "",
        "journal_hint": "",
        **changed,
    }
    file.write_text(json.dumps(state))
    here = Ground(folder, _compose(file) if kind == "docker compose" else _systemd(file), kind)
    yield here
    for pid in here.pids:
        remembered.end(pid)
    if kind == "docker compose":  # named by the test's folder: nobody else has it
        Path(here.manager._lock).unlink(missing_ok=True)


def _compose(file: Path) -> docker_compose.DockerCompose:
    config = docker_compose.Config(
        project="shop",
        service="crypto-gateway",
        file=str(file.with_name("compose.yaml")),
        command=(sys.executable, str(STAND_INS / "docker.py"), str(file)),
        within="20s",
    )
    return docker_compose.DockerCompose(config, host=local.LocalHost(local.Config()))


def _systemd(file: Path) -> systemd.Systemd:
    """Through the real helper, which a real sudo would start."""
    command = (sys.executable, str(STAND_INS / "systemctl.py"), str(file))
    state = json.loads(file.read_text())
    config = systemd.Config(
        unit="gateway@.service",
        instances=2 if len(state["files"]) > 1 else 1,
        helper=helper(file.parent, {"units": state["files"], "systemctl": command}),
        command=command,
        journal=(*command, "journal"),
    )
    return systemd.Systemd(config, host=local.LocalHost(local.Config()))
