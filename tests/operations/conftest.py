"""The small world that tests of the engine change."""

from __future__ import annotations

import pytest

from bot.core.records import Store
from tests.conftest import Deferred, SetClock
from tests.operations.world import World


@pytest.fixture
async def world(store: Store, deferred: Deferred, clock: SetClock) -> World:
    return World(store, deferred, clock)
