"""Two bots that may heal by themselves, and one of them is hit in the middle of it: the other one ends it, once."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.core.results import OperationState
from bot.demo.gateway import Gateway
from bot.demo.gateway.killing import kill_for_good
from bot.demo.world import OF_THE_MACHINE
from tests.app.pair import SLOWLY, Pair
from tests.app.soak import drawing, explained
from tests.app.trap import Blow
from tests.postgres import fresh_database
from tests.waiting import until

pytestmark = pytest.mark.timeout(360)


@pytest.mark.row("W")
async def test_the_other_bot_finishes_what_one_began_by_itself(
    demo: Gateway, cluster: str, redis_port: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    random = drawing(request, "heal")
    with fresh_database(cluster) as conninfo:
        async with Pair.open(tmp_path, demo=demo, conninfo=conninfo, redis_port=redis_port) as pair:
            service = pair.installation.settings["services"][demo.name]
            channel = pair.installation.channel.id
            service["watches"] = {"channel": channel, "every": "3s", "bad": 2, "of": 3, "off": list(OF_THE_MACHINE)}
            service["automation"] = {"allow": ["heal"]}
            await asyncio.to_thread(pair.stage.reset)
            await kill_for_good(demo, 0)
            before, moment = pair.stage.effects(), datetime.now(UTC)
            blow = Blow.drawn(random, ways=("before", "after", "inside"), places=7, begun=2, takes=1.5)

            with explained(blow, request):
                await pair.trap.set(blow)
                await pair.complete()
                await pair.strike(blow)

                async def has_acted() -> bool:
                    return bool(await pair.automatic_since(moment))

                await until(has_acted, within=SLOWLY)
                await asyncio.sleep(10)  # the watches look on, and would begin a second one
                [operation] = await pair.automatic_since(moment)
                operation = await pair.end_of(operation.id)

                assert operation.state is OperationState.DONE, operation.why
                await pair.assert_told_once(operation)
                assert pair.stage.effects() - before == Counter({"delete": 1, "scale": 1})
                assert [worker.status for worker in await demo.workers()] == ["online", "online"]
