"""Dead workers brought back by itself, as far as it is allowed: real PM2, and workers killed with -9."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from bot.automation.rule import RuleSettings
from bot.core.people import Actor, Role
from bot.core.results import OperationState
from tests.automation.conftest import CHIEF, Attended
from tests.commands.bench import Bench
from tests.fixtures_gateway import check_out, pm2_cli, pm2_list

pytestmark = [pytest.mark.timeout(240), pytest.mark.row("W")]
BOSS = Actor(CHIEF, "Chief", Role.COMMANDER)


async def test_a_worker_that_was_killed_for_good_is_brought_back_and_seen_and_it_says_why(attended: Attended) -> None:
    attended.allow("heal")
    await attended.look(2)
    await attended.kill(0)

    await attended.look(4)

    (operation,) = await attended.operations()
    assert operation.state is OperationState.DONE, operation.why
    assert operation.call.path == ("reset",)
    assert [status for _, _, status in pm2_list(attended.bench.live.demo)] == ["online", "online"]
    assert "heal is allowed by the configuration" in operation.automatic
    assert "1 of 2 workers are online, worker 0 is errored" in operation.automatic
    told = attended.says("Worker restarts")
    assert "By itself: reset, done. Automation heal is allowed by the configuration." in told
    for place in ("history", "changes", "automation"):
        assert "worker 0 is errored" in await attended.bench.says(place), place
    async with attended.bench.store.transaction() as tx:
        rows = [row for row in await tx.audit.recent(limit=200) if row.kind == "approval"]
    assert rows[0].data["policy"] == "automation heal of crypto-payment-gateway, allowed by the configuration"
    assert rows[0].data["hash"] == operation.plan_hash


async def test_an_act_that_fails_turns_the_automation_off_loudly_and_is_never_tried_again(attended: Attended) -> None:
    attended.allow("heal", heal=RuleSettings(cooldown=timedelta(seconds=1), most_per_hour=20))
    await attended.look(2)
    check_out(attended.bench.live.demo, "v1.3.0-badstart")
    pm2_cli(attended.bench.live.demo, "restart", "all")
    await asyncio.sleep(4)
    await attended.look(5)

    (operation,) = await attended.operations()
    assert operation.call.path == ("restart",)
    assert operation.state is OperationState.FAILED
    channel = [str(each) for each in attended.bench.chat.posted(attended.channel)]
    direct = [str(each) for each in attended.bench.chat.posted("D0CHIEF")]
    for told in (channel, direct):
        assert sum("Automation heal of crypto-payment-gateway failed and is off" in each for each in told) == 1
    assert "off since" in await attended.bench.says("automation")
    await attended.look(3)
    assert len(await attended.operations()) == 1


async def test_of_two_replicas_one_heals_once(attended: Attended, rival: Bench) -> None:
    attended.allow("heal")
    await attended.look(2)
    await attended.kill(0)
    await attended.look(3, work=False)
    both = [attended.automations(each) for each in (attended.bench, rival)]
    name = attended.bench.service.name
    await asyncio.gather(*(each.look(name) for each in both for _ in range(3)))
    runs = [job for job in attended.bench.deferred.jobs if job.task == "operation"]
    await attended.work()

    assert len(runs) == 1
    assert len(await attended.operations()) == 1
    assert [status for _, _, status in pm2_list(attended.bench.live.demo)] == ["online", "online"]
