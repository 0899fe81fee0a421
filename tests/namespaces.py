"""A network namespace of the tests' own, made without root: its packet filter is real, and nobody else's."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.core.ports import Host
from integrations.firewall import Config, HelperFirewall
from integrations.local import Config as HostConfig
from integrations.local import LocalHost

PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
HELPER = Path(__file__).resolve().parents[1] / "deploy" / "opsbot_host.py"
FOUR, SIX = "198.51.100.7", "2001:db8:5::7"
"""Addresses of an attacker, from the ranges for documentation."""

_HEARD = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
here = "::1" if ":" in sys.argv[1] else "127.0.0.1"
with socket.socket(family, socket.SOCK_DGRAM) as server, socket.socket(family, socket.SOCK_DGRAM) as client:
    server.bind((here, 0))
    server.settimeout(0.25)
    client.bind((sys.argv[1], 0))
    client.sendto(b"knock", (here, server.getsockname()[1]))
    try:
        server.recv(10)
    except TimeoutError:
        sys.exit(1)
"""


@dataclass(frozen=True, slots=True)
class Namespace:
    """A host with nothing but a loopback, on which the attacker's addresses are."""

    pid: int
    folder: Path

    @property
    def inside(self) -> tuple[str, ...]:
        """What begins a command line that is run in it."""
        return ("nsenter", "-t", str(self.pid), "-U", "-n", "--preserve-credentials", "--")

    def run(self, *argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run something in it."""
        return subprocess.run(
            (*self.inside, *argv), env={"PATH": PATH}, capture_output=True, text=True, timeout=30, check=check
        )

    def lets_in(self, source: str) -> bool:
        """Whether a real packet from `source` arrives."""
        return self.run(sys.executable, "-c", _HEARD, source, check=False).returncode == 0

    def firewall(
        self, conf: Mapping[str, object] | None = None, *, host: Host | None = None, **more: object
    ) -> HelperFirewall:
        """The bot's firewall on it, with these settings of the helper; the `host` is reached as any other."""
        return firewall((*self.inside, *helper(self.folder, conf or {})), host=host, **more)


def helper(folder: Path, conf: Mapping[str, object]) -> tuple[str, ...]:
    """The command line of the helper with these settings."""
    file = folder / "opsbot-host.json"
    file.write_text(json.dumps({"lock": str(folder / "lock"), **conf}))
    return (sys.executable, str(HELPER), "--conf", str(file))


def firewall(command: Sequence[str], *, host: Host | None = None, **more: object) -> HelperFirewall:
    """The bot's firewall that starts the helper so."""
    config = Config.model_validate({"command": command, **more})
    return HelperFirewall(config, host=host or LocalHost(HostConfig(path=PATH)))


def needed(*programs: str) -> Sequence[str]:
    """Which of these programs are missing."""
    return [program for program in programs if shutil.which(program, path=PATH) is None]


@pytest.fixture
def namespace(tmp_path: Path) -> Iterator[Namespace]:
    """A fresh one."""
    if missing := needed("unshare", "nsenter", "ip", "nft", "iptables"):
        pytest.skip(f"no {' and no '.join(missing)} on this machine")
    holder = subprocess.Popen(
        ("unshare", "-rn", "sh", "-c", "echo ready; exec sleep 600"),
        env={"PATH": PATH},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout
        if holder.stdout.readline() != "ready\n":
            pytest.skip("network namespaces are not allowed here")
        made = Namespace(holder.pid, tmp_path)
        made.run("ip", "link", "set", "lo", "up")
        for address in (FOUR, "198.51.100.200", SIX):
            made.run("ip", "address", "add", address, "dev", "lo", *(("nodad",) if ":" in address else ()))
        yield made
    finally:
        holder.kill()
        holder.communicate()


async def lets_in(namespace: Namespace, source: str) -> bool:
    """The same without holding up the loop."""
    return await asyncio.to_thread(namespace.lets_in, source)
