from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import psutil
import pytest

from bot.demo.gateway import GatewayError
from bot.demo.gateway.commands import run, wait_until
from bot.demo.gateway.database import start_cluster
from bot.demo.gateway.history import RELEASES, fast_import
from bot.demo.gateway.layout import free_port


async def test_a_program_that_takes_too_long_is_ended_and_named(tmp_path: Path) -> None:
    with pytest.raises(GatewayError, match=r"sleep 60` did not end within 0.2 s"):
        await run(("sleep", "60"), env=dict(os.environ), cwd=tmp_path, within=0.2)

    assert not [child for child in psutil.Process().children() if child.name() == "sleep"]


async def test_a_program_that_fails_tells_what_it_said(tmp_path: Path) -> None:
    script = "import sys; sys.exit('no such release')"
    with pytest.raises(GatewayError, match=r"(?s)ended with 1:.*no such release"):
        await run((sys.executable, "-c", script), env={}, cwd=tmp_path)


async def test_a_program_is_fed_and_its_output_returned(tmp_path: Path) -> None:
    assert await run(("cat",), env=dict(os.environ), cwd=tmp_path, stdin=b"caf\xc3\xa9\xff") == "caf\u00e9\ufffd"


async def test_waiting_ends_with_what_did_not_happen() -> None:
    async def never() -> bool:
        return False

    with pytest.raises(GatewayError, match=r"Redis did not answer within 0.1 s"):
        await wait_until(never, within=0.1, what="Redis did not answer")


def test_a_port_that_is_taken_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr("bot.demo.gateway.layout._PORTS", range(port, port + 1))

        with pytest.raises(OSError, match="no free port"):
            free_port()


def test_a_folder_that_is_no_cluster_is_named(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "log").touch()

    with pytest.raises(GatewayError, match=r"Postgres does not start in .*/postgres; .*/log may say why"):
        start_cluster(tmp_path / "postgres")


def test_the_history_is_the_same_bytes_each_time_and_each_release_differs() -> None:
    assert fast_import() == fast_import()
    assert [release.version for release in RELEASES] == sorted(release.version for release in RELEASES)
    for release in RELEASES:
        assert f'"version": "{release.version}"'.encode() in fast_import()
