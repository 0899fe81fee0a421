"""Every kind of host, for the statements that hold of all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import pytest

from bot.core.ports import Host
from integrations import local
from integrations.local import LocalHost
from integrations.ssh.host import SshHost
from tests.fixtures_ssh import Sshd

SOON = timedelta(seconds=0.5)
ENOUGH = timedelta(seconds=10)


class Make(Protocol):
    """Makes a host of the kind that is tested."""

    def __call__(self, **config: object) -> Host: ...


@pytest.fixture(params=["local", "ssh"])
async def make(request: pytest.FixtureRequest) -> AsyncIterator[Make]:
    over_ssh: list[SshHost] = []

    def make(**config: object) -> Host:
        if request.param == "local":
            return LocalHost(local.Config.model_validate(config))
        sshd: Sshd = request.getfixturevalue("sshd")
        over_ssh.append(SshHost(sshd.config(**config)))
        return over_ssh[-1]

    yield make
    for each in over_ssh:
        await each.close()


@pytest.fixture
def host(make: Make) -> Host:
    return make()


async def until(look: Callable[[], str]) -> str:
    """What `look` sees, as soon as that is something; within five seconds."""
    for _ in range(500):
        if seen := look():
            return seen
        await asyncio.sleep(0.01)
    raise AssertionError("nothing was seen")


def content(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def gone(pid: str) -> str:
    """Says so when the process has ended."""
    status = content(Path("/proc") / pid.strip() / "status")
    return "gone" if not status or "State:\tZ" in status else ""
