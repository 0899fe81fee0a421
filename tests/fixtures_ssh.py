"""A real sshd on loopback with keys of its own, for whoever runs the tests; nobody else's ssh is read or changed."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncssh
import psutil
import pytest

from integrations.ssh import Config
from tests.namespaces import PATH

USER = pwd.getpwuid(os.getuid()).pw_name
_SEPARATION = Path("/run/sshd")  # an empty folder that sshd wants to see when root starts it; its own unit makes it


@dataclass(frozen=True, slots=True)
class Sshd:
    """One that runs."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    def config(self, **changed: object) -> Config:
        """What reaches it."""
        usual = {
            "address": "127.0.0.1",
            "port": self.port,
            "user": USER,
            "key": str(self.folder / "user_key"),
            "known_hosts": str(self.folder / "known_hosts"),
        }
        return Config.model_validate({**usual, **changed})

    def connections(self) -> list[psutil.Process]:
        """The processes that serve what is connected; not what they run."""
        if self.process.poll() is not None:
            return []
        children = psutil.Process(self.process.pid).children(recursive=True)
        return [child for child in children if child.name().startswith("sshd")]

    def drop(self) -> None:
        """Break every connection, as a machine does that loses its network, but for what runs there."""
        self.signal(signal.SIGKILL)

    def signal(self, number: signal.Signals) -> None:
        """Send it to every connection."""
        for each in self.connections():
            each.send_signal(number)


Start = Callable[..., Sshd]


@pytest.fixture(scope="session")
def start_sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts one, with more lines in its configuration; skips where there is none."""
    with ExitStack() as stack:

        def start(*lines: str) -> Sshd:
            started = stack.enter_context(running_sshd(tmp_path_factory.mktemp("sshd"), *lines))
            return started or pytest.skip("no sshd on this machine")

        yield start


@contextmanager
def running_sshd(folder: Path, *lines: str) -> Iterator[Sshd | None]:
    """One in a folder of its own; None on a machine without."""
    program = shutil.which("sshd", path=PATH)
    if program is None:
        yield None
        return
    if os.geteuid() == 0:
        _SEPARATION.mkdir(mode=0o755, exist_ok=True)
    started = _start(program, folder, lines)
    try:
        yield started
    finally:
        started.signal(signal.SIGCONT)
        started.drop()
        started.process.terminate()
        started.process.wait(10)


@pytest.fixture(scope="session")
def sshd(start_sshd: Start) -> Sshd:
    """The usual one."""
    return start_sshd()


def _start(program: str, folder: Path, lines: tuple[str, ...]) -> Sshd:
    host, user = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    for key, name in ((host, "host_key"), (user, "user_key")):
        (folder / name).touch(mode=0o600)
        key.write_private_key(folder / name)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    public = host.export_public_key().decode()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {public}")
    user.write_public_key(folder / "authorized_keys")
    own = (
        f"ListenAddress 127.0.0.1:{port}",
        f"HostKey {folder}/host_key",
        f"AuthorizedKeysFile {folder}/authorized_keys",
        *("PidFile none", "UsePAM no", "StrictModes no", "PasswordAuthentication no", "MaxStartups 100"),
        f"SetEnv TMPDIR={folder} HOME={folder}",  # and so no start file of the shell is read
        "PermitRootLogin prohibit-password",
    )
    text = "\n".join((*lines, *own))  # of two of a kind the first one counts
    (folder / "config").write_text(f"{text}\n")
    argv = (program, "-D", "-f", str(folder / "config"), "-E", str(folder / "log"))
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
    for _ in range(200):
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return Sshd(folder, port, process)
        time.sleep(0.05)
    process.kill()
    raise AssertionError((folder / "log").read_text())
