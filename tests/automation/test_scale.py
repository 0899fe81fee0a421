"""Workers that follow the load: real PM2, and customers who keep the workers busy."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from datetime import timedelta

import aiohttp
import pytest

from bot.automation.rules.scale import ScaleSettings
from bot.core.results import OperationState
from bot.demo.gateway import Gateway
from tests.automation.conftest import Attended
from tests.automation.customers import customers
from tests.fixtures_gateway import pm2_list

pytestmark = [pytest.mark.timeout(240), pytest.mark.row("W")]


def busy(demo: Gateway) -> AbstractAsyncContextManager[None]:
    """So many requests that the workers are never idle."""

    async def ask(session: aiohttp.ClientSession) -> None:
        async with session.get(f"{demo.url}/health/detailed") as answer:
            await answer.read()

    return customers(ask, 16)


async def look_until(attended: Attended, count: int, *, times: int) -> None:
    """Look until so many workers were made by itself, at most so often."""
    for _ in range(times):
        await attended.look(1)
        if len(pm2_list(attended.bench.live.demo)) == count:
            return


async def test_workers_are_added_under_load_within_the_bounds_and_taken_away_after_it(attended: Attended) -> None:
    settings = ScaleSettings(
        above=12, below=6, least=2, most=3, bad=2, of=3, calm=3, cooldown=timedelta(seconds=1), most_per_hour=5
    )
    attended.allow("scale", scale=settings)
    demo = attended.bench.live.demo

    async with busy(demo):
        await look_until(attended, 3, times=12)
        await attended.look(4)
    under_load = await attended.operations()
    await look_until(attended, 2, times=15)
    await attended.look(4)

    (up,) = under_load
    assert up.state is OperationState.DONE, up.why
    assert up.call.args["count"] == 3
    assert "Worker CPU was" in up.automatic
    assert [each.call.args["count"] for each in await attended.operations()] == [3, 2]
    assert [status for _, _, status in pm2_list(demo)] == ["online", "online"]
