"""Where the gateway keeps its things: everything is below one root folder."""

from __future__ import annotations

import os
import random
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bot.demo.tools import Tools

MARK = "OPSBOT_DEMO_GATEWAY"
"""The variable that every process started here carries, with the root as its value."""

_LONGEST_SOCKET = 100  # bytes; the kernel's limit is 108 on Linux and 104 on macOS
# Below the kernel's ephemeral ports, so that no client's connection takes the port while the service restarts.
_PORTS = range(20_000, 32_000)
_TRIES = 200


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders and files below `root`; `short` is another name of it that is short enough for unix sockets."""

    root: Path
    short: Path

    @classmethod
    def at(cls, root: Path) -> Layout:
        """Lay out `root`. A root whose path is too long gets a short link in a new temporary folder."""
        if len(os.fsencode(root / "pm2" / "interactor.sock")) <= _LONGEST_SOCKET:
            return cls(root, root)
        short = Path(tempfile.mkdtemp(prefix="opsbot-gw-")) / "root"
        short.symlink_to(root)
        return cls(root, short)

    @property
    def scratch(self) -> tuple[Path, ...]:
        """What lies outside `root` and is to be removed in the end."""
        return () if self.short == self.root else (self.short.parent,)

    @property
    def app(self) -> Path:
        """The link to the release that runs."""
        return self.root / "app"

    @property
    def releases(self) -> Path:
        """One folder for each release."""
        return self.root / "releases"

    @property
    def first(self) -> Path:
        """The release that is there from the start: a git checkout, and the repository of the others."""
        return self.releases / "first"

    @property
    def env_file(self) -> Path:
        """The service's settings."""
        return self.app / ".env"

    @property
    def home(self) -> Path:
        """HOME of everything that runs here: no file of the user's own is read or written."""
        return self.root / "home"

    @property
    def pm2_home(self) -> Path:
        """PM2's folder, with its sockets."""
        return self.short / "pm2"

    @property
    def logs(self) -> Path:
        """Where PM2 writes what the workers print."""
        return self.pm2_home / "logs"

    @property
    def access_log(self) -> Path:
        """One line a request, in nginx's combined format."""
        return self.root / "access.log"

    @property
    def backups(self) -> Path:
        """What `scripts/backup.sh` wrote."""
        return self.root / "backups"

    @property
    def heap(self) -> Path:
        """Where a worker writes its heap when it is asked to, for nobody else's eyes."""
        return self.root / "heap"

    @property
    def cluster(self) -> Path:
        """The data folder of the Postgres cluster."""
        return self.root / "postgres"

    @property
    def redis(self) -> Path:
        """Redis's working folder."""
        return self.root / "redis"

    @property
    def payments_file(self) -> Path:
        """The payments, when there is no database."""
        return self.root / "payments.jsonl"


def environment(layout: Layout, tools: Tools) -> dict[str, str]:
    """All that a program started here may know; PM2 hands it on to the workers and stores it."""
    return {
        "PATH": tools.path,
        "HOME": str(layout.home),
        "PM2_HOME": str(layout.pm2_home),
        "NO_COLOR": "1",
        "PM2_DISCRETE_MODE": "1",
        MARK: str(layout.root),
    }


def free_port() -> int:
    """A port of the loopback that nobody listens on now."""
    # At random, to keep gateways apart that start at the same moment.
    for port in random.sample(_PORTS, k=min(len(_PORTS), _TRIES)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no free port on the loopback")
