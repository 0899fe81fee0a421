from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.demo.workspace import Workspace
from bot.store.postgres import Postgres
from tests.fixtures_slack import SlackBot, running_bot


@pytest.fixture(params=["socket", "http"])
async def bot(request: pytest.FixtureRequest, workspace: Workspace, store: Postgres) -> AsyncIterator[SlackBot]:
    async with running_bot(workspace, store, transport=request.param) as bot:
        yield bot


async def test_a_command_is_acked_and_answered_to_the_one_who_typed_it(workspace: Workspace, bot: SlackBot) -> None:
    ana = workspace.person("ana")
    ops = workspace.channel("ops", [ana])

    turn = await ana.command(ops, "/ops ping")
    reply = await turn.reply()

    assert turn.error is None
    assert reply.plain() == "pong"
    assert reply.ephemeral
