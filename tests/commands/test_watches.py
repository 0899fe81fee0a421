"""What is watched, snoozing it, and the buttons of what a watch has found."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.alerts.intake import Intake
from bot.alerts.rules import AlertRules
from bot.core.alerts import WATCH
from bot.core.command import Context, Filling
from bot.core.errors import Conflict, NotConfigured, NotFound, UsageError
from bot.core.fleet import Fleet
from bot.core.ports import Processes
from bot.core.records import Store
from bot.core.registry import Registry, bind
from bot.core.results import PlanCard, Table
from bot.digests.pulse import Patience
from bot.digests.watches import Watches, WatchPlan, WatchPlans
from bot.operations.engine import Engine
from tests.commands.bench import ANA, CHANNEL, Bench
from tests.fakes import FakeProcesses, worker

OFF = frozenset({"Monitor script", "CPU", "Load", "Memory", "Swap", "Disks", "Inodes", "Open files", "Up"})


@pytest.fixture
def watched(bench: Bench) -> Bench:
    plan = WatchPlan(bench.service.name, CHANNEL, timedelta(seconds=5), OFF, Patience(2, 3, 2))
    bench.ports = {WatchPlans: WatchPlans((plan,))}
    return bench


def watches_of(bench: Bench) -> Watches:
    plans = bench.service.port(WatchPlans)
    rules = AlertRules("", watches={bench.service.name: CHANNEL})
    take = Intake(rules, bench.clock).take
    return Watches(plans, bench.store, Fleet((bench.service,)), bench.clock, take, str, bench.registry)


async def look(bench: Bench, times: int) -> None:
    for _ in range(times):
        bench.clock.advance(timedelta(seconds=6))
        await watches_of(bench).look(bench.service.name)


async def click(bench: Bench, verb: str, row_id: str) -> Filling | None:
    ports = {**bench.program, Engine: bench.engine, Registry: bench.registry, Store: bench.store}
    ctx = Context(ANA, CHANNEL, bench.clock())
    found = await bind(bench.registry.clicks[verb].run, ports)(ctx, row_id)
    assert found is None or isinstance(found, Filling)
    return found


async def crash(bench: Bench) -> str:
    """Have every worker give up, and the watch find it; the id of the problem's group."""
    workers = tuple(replace(worker(number, "errored"), mode="cluster") for number in range(2))
    bench.ports |= {Processes: FakeProcesses(workers)}
    await look(bench, 3)
    async with bench.store.transaction() as tx:
        (view,) = await tx.alerts.firing(now=bench.clock())
    assert view.group.title == f"{bench.service.name}: Workers"
    return view.group.id


@pytest.mark.row("W")
async def test_what_is_watched_is_listed_with_how_it_was(watched: Bench) -> None:
    before = await watched.says("watches")
    await look(watched, 1)
    after = await watched.says("watches")

    assert "Workers" in before
    assert "not looked at yet" in before
    table = await watched.type("watches")
    assert isinstance(table, Table)
    states = {str(row[0]): row[1] for row in table.rows}
    assert states["Workers"] == "ok"
    assert not OFF & states.keys()
    assert "5s" in after


async def test_where_nothing_is_watched_it_says_what_to_configure(bench: Bench) -> None:
    bench.ports = {WatchPlans: WatchPlans()}

    with pytest.raises(NotConfigured) as error:
        await bench.type("watches")

    assert "watches.channel" in error.value.hint


async def test_a_snoozed_watch_tells_of_no_new_problem_until_it_is_resumed(watched: Bench) -> None:
    await watched.type("watches snooze workers 2h known")
    snoozed = await watched.says("watches")
    async with watched.store.transaction() as tx:
        (silence,) = await tx.alerts.silences(WATCH, now=watched.clock())
    await watched.type("watches resume Workers")
    with pytest.raises(Conflict, match="is not snoozed"):
        await watched.type("watches resume workers")

    assert silence.key == f"{watched.service.name}/Workers"
    assert (silence.until - watched.clock(), silence.reason) >= (timedelta(hours=1), "known")
    assert snoozed != await watched.says("watches")
    with pytest.raises(NotFound):
        await watched.type("watches snooze nosuch")
    with pytest.raises(UsageError, match="too long"):
        await watched.type("watches snooze workers 30d")


async def slow(bench: Bench) -> str:
    """Have the watch find that every answer takes too long; the id of the problem's group."""
    bench.limits = {"health_seconds_warn_above": 0, "health_seconds_fail_above": 0}
    await look(bench, 3)
    async with bench.store.transaction() as tx:
        (view,) = await tx.alerts.firing(now=bench.clock())
    assert view.group.title == f"{bench.service.name}: Health"
    return view.group.id


@pytest.mark.row("W")
async def test_one_click_puts_the_plan_that_helps_before_whoever_clicked(watched: Bench) -> None:
    group = await slow(watched)

    assert await click(watched, "watch.next", group) is None
    await watched.work()

    ((channel, who, card),) = watched.chat.whispers
    assert isinstance(card, PlanCard)
    assert (channel, who) == (CHANNEL, ANA.user_id)
    assert (card.service, card.requester) == (watched.service.name, ANA.user_id)
    assert (await watched.newest()).call.path == ("reload",)


@pytest.mark.row("W")
async def test_a_click_on_what_only_looks_opens_its_form_for_that_service(watched: Bench) -> None:
    group = await slow(watched)

    form = await click(watched, "watch.or-else", group)

    assert form == Filling(("why",), given={"symptom": "slow"}, kept={"service": watched.service.name})


async def test_what_is_over_offers_nothing_any_more(watched: Bench) -> None:
    group = await crash(watched)
    del watched.ports[Processes]
    await look(watched, 4)

    with pytest.raises(Conflict, match="is over"):
        await click(watched, "watch.next", group)
