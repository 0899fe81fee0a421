"""Gateways to test on: the plain one of the worker process, or one with everything for a module."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.demo.gateway import Gateway, Options
from bot.demo.tools import Tools, ensure_tools


@pytest.fixture(scope="session")
def tools() -> Tools:
    return ensure_tools()


@pytest.fixture
def gateway(running_gateway: Gateway) -> Gateway:
    """Two workers and nothing else. Who changes something puts it back."""
    return running_gateway


@pytest.fixture
def root() -> Iterator[Path]:
    """A folder for a gateway with Postgres.

    Not below pytest's own folder: each run of pytest that starts closes that to other accounts, and Postgres, which
    root cannot run, runs as one.
    """
    with tempfile.TemporaryDirectory(prefix="opsbot-gw-test-", ignore_cleanup_errors=True) as folder:
        yield Path(folder).resolve()


@pytest.fixture(scope="module")
def broken() -> Iterator[Gateway]:
    """Everything, with the faults worth finding."""
    with tempfile.TemporaryDirectory(prefix="opsbot-gw-test-", ignore_cleanup_errors=True) as folder:
        gateway = asyncio.run(Gateway.start(Path(folder), Options()))
        yield gateway
        asyncio.run(gateway.close())
