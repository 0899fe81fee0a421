"""Debug logging on the real gateway: seen in every worker, capped, and ended by itself."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.core.errors import UsageError
from bot.core.results import OperationState, PlanState
from bot.views import render
from tests.commands.bench import Bench
from tests.fixtures_gateway import pm2_cli


async def levels(bench: Bench) -> set[object]:
    pids = [worker.pid for worker in await bench.live.processes.workers()]
    answers = await bench.live.gateway.health_by_worker(pids, kind="detailed")
    return {health.body["log_level"] for health in answers.values()}


@pytest.mark.row("R")
async def test_debug_takes_two_people_is_seen_in_every_worker_and_ends_by_itself(bench: Bench) -> None:
    card = await bench.plan("debug on --for 10m webhooks get lost")
    assert card.state is PlanState.AWAITING_APPROVAL
    assert "Payments and queries are written" in render(card).text

    operation = await bench.run("debug on --for 10m webhooks get lost")
    assert operation.state is OperationState.DONE, await bench.evidence(operation)
    assert await levels(bench) == {"debug"}

    await bench.end_what_is_due(after=timedelta(minutes=11))
    assert await levels(bench) == {"info"}
    assert (await bench.live.env.read("LOG_LEVEL")).value == "info"
    assert await bench.leases("debug") == ()


@pytest.mark.row("R")
async def test_it_lasts_fifteen_minutes_at_most(bench: Bench) -> None:
    with pytest.raises(UsageError, match="20m is too long"):
        await bench.type("debug on --for 20m please")

    await bench.plan("debug on please")
    terms = (await bench.newest()).plan.lease
    assert terms is not None
    assert terms.lasts == timedelta(minutes=15)


@pytest.mark.row("R", "G4")
async def test_the_runbooks_line_has_no_effect_and_the_bots_way_never_hands_its_environment_on(bench: Bench) -> None:
    demo = bench.live.demo
    pm2_cli(demo, "reload", demo.name)  # with LOG_LEVEL=debug before it, PM2 does the same
    assert await levels(bench) == {"info"}

    await bench.run("debug on look")
    assert "--update-env" not in " ".join(
        word for action in (await bench.newest()).plan.actions for word in action.argv
    )
    await bench.run("debug off seen enough")

    assert await levels(bench) == {"info"}


async def test_debug_off_where_it_is_not_on_changes_nothing(bench: Bench) -> None:
    assert "nothing has to change" in await bench.says("debug off")
