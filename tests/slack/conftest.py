from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.demo.workspace import Workspace
from bot.store.postgres import Postgres
from tests.conftest import Deferred, SetClock
from tests.fixtures_slack import SlackBot, running_bot
from tests.slack.scene import Scene


@pytest.fixture(params=["socket", "http"])
async def bot(request: pytest.FixtureRequest, workspace: Workspace, store: Postgres) -> AsyncIterator[SlackBot]:
    """The bot with its small commands, over each transport."""
    async with running_bot(workspace, store, transport=request.param) as bot:
        yield bot


@pytest.fixture
async def scene(store: Postgres, deferred: Deferred, clock: SetClock) -> AsyncIterator[Scene]:
    """The channel of an incident, in a local Slack with the same clock as the bot."""
    async with Workspace.open(retry_delays=(0.05, 0.05), clock=clock) as workspace:
        yield await Scene.begun(workspace, store, deferred, clock)
