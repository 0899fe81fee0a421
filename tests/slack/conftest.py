from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.demo.workspace import Workspace
from bot.store.postgres import Postgres
from tests.fixtures_slack import SlackBot, running_bot


@pytest.fixture(params=["socket", "http"])
async def bot(request: pytest.FixtureRequest, workspace: Workspace, store: Postgres) -> AsyncIterator[SlackBot]:
    """The bot with its small commands, over each transport."""
    async with running_bot(workspace, store, transport=request.param) as bot:
        yield bot
