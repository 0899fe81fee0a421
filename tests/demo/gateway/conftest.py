"""Gateways to test on: one plain for all tests of a worker process, or one with everything for a module."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.demo.gateway import Gateway, Options
from bot.demo.tools import Tools, ensure_tools

PLAIN = Options(broken=False, postgres=False, redis=False, load=False)


def running(root: Path, options: Options) -> Iterator[Gateway]:
    """A gateway for a fixture of any scope; it belongs to no event loop."""
    gateway = asyncio.run(Gateway.start(root, options))
    yield gateway
    asyncio.run(gateway.close())


@pytest.fixture(scope="session")
def tools() -> Tools:
    return ensure_tools()


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Two workers and nothing else. Who changes something puts it back."""
    yield from running(tmp_path_factory.mktemp("gateway"), PLAIN)


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Everything, with the faults worth finding."""
    yield from running(tmp_path_factory.mktemp("broken"), Options())
