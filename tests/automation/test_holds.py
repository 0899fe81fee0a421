"""Each reason for which something is not done by itself, and for which of the automations it is none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.automation.rule import RuleSettings
from bot.automation.rules.rollback import CHECK
from bot.automation.rules.scale import ScaleSettings
from bot.core.incidents import Incident
from bot.core.parts import State
from bot.core.plan import Area, Call
from bot.core.readings import Reading
from bot.core.records import Lease
from bot.core.releases import Releases
from bot.core.results import OperationState
from bot.core.watches import Pulse
from bot.core.windows import Window, WindowState
from tests.automation.conftest import Attended
from tests.automation.test_rollback import DEPLOYED, Deployed
from tests.commands.bench import CHANNEL

pytestmark = [pytest.mark.timeout(120), pytest.mark.row("W")]

Obstacle = Callable[[Attended], Awaitable[None]]
AT_ONCE = timedelta(seconds=1)


async def freeze(attended: Attended) -> None:
    now, name = attended.bench.clock(), attended.bench.service.name
    held = Lease("f1", "freeze", name, name, "ops", "U1", "audit", CHANNEL, "o1", Call(("freeze", "off")), now, None)
    async with attended.bench.store.transaction() as tx:
        await tx.leases.open(held)


async def window(attended: Attended) -> None:
    now, name = attended.bench.clock(), attended.bench.service.name
    planned = Window("w1", name, CHANNEL, "U1", "New disks", now, now + timedelta(hours=1), "", WindowState.PLANNED)
    async with attended.bench.store.transaction() as tx:
        await tx.windows.book(planned)
        await tx.windows.move("w1", to=WindowState.OPEN, frm=[WindowState.PLANNED], at=now)


async def migration(attended: Attended) -> None:
    plan = replace(DEPLOYED.plan, title="Migrate the database", area=Area.DATABASE)
    running = replace(DEPLOYED, id="m1", plan=plan, host="db", state=OperationState.RUNNING, ended_at=None)
    async with attended.bench.store.transaction() as tx:
        await tx.operations.propose(replace(running, service=attended.bench.service.name))


async def incident(attended: Attended) -> None:
    said = Incident(0, "Payments fail", "High", "open", CHANNEL, "U0ANA", "U0ANA", attended.bench.clock())
    async with attended.bench.store.transaction() as tx:
        await tx.incidents.declare(said)


async def dead_worker(attended: Attended) -> None:
    """What `heal` is for."""
    await attended.look(2)
    attended.lose(0)
    await attended.look(3)


async def load(attended: Attended) -> None:
    """What `scale` is for: it plans to run one worker more."""
    bench = attended.bench
    attended.runs = False
    looks = [
        Reading(bench.service.name, "Worker CPU", bench.clock() - timedelta(seconds=10 * each), State.WARN, 90.0, "%")
        for each in range(5)
    ]
    async with bench.store.transaction() as tx:
        await tx.readings.add(looks)
    await attended.automations(bench).look(bench.service.name)
    await attended.work()


async def bad_deploy(attended: Attended) -> None:
    """What `rollback` is for, as the history has it."""
    bench, name = attended.bench, attended.bench.service.name
    began, ended = bench.clock() - timedelta(minutes=6), bench.clock() - timedelta(minutes=5)
    deployed = replace(DEPLOYED, service=name, proposed_at=began, started_at=began, ended_at=ended)
    told = [Reading(name, CHECK, began - timedelta(minutes=each), State.OK, 1.0, "%") for each in range(1, 4)]
    told += [Reading(name, CHECK, ended + timedelta(minutes=each), State.FAIL, 30.0, "%") for each in range(1, 4)]
    failing = Pulse((State.FAIL, State.FAIL), is_open=True, bad_since=ended, looked_at=bench.clock())
    bench.ports |= {Releases: Deployed("b" * 40)}
    async with bench.store.transaction() as tx:
        await tx.operations.propose(deployed)
        await tx.readings.add(told)
        await tx.watches.save(name, {CHECK: failing})
    await attended.automations(bench).look(name)


@pytest.mark.parametrize(
    ("rule", "trouble", "obstacle", "said"),
    [
        pytest.param("heal", dead_worker, window, "a maintenance window is under way", id="window"),
        pytest.param("heal", dead_worker, migration, "Migrate the database is under way", id="migration"),
        pytest.param(
            "scale", load, freeze, "it cannot be planned: crypto-payment-gateway is frozen: audit", id="freeze"
        ),
        pytest.param("scale", load, migration, "Migrate the database is under way", id="migration and load"),
        pytest.param("rollback", bad_deploy, incident, "an incident is open: whoever leads it decides", id="incident"),
        pytest.param("rollback", bad_deploy, window, "a maintenance window is under way", id="window and deploy"),
    ],
)
async def test_what_would_be_done_is_held_and_its_case_says_why(
    attended: Attended, rule: str, trouble: Obstacle, obstacle: Obstacle, said: str
) -> None:
    attended.allow(rule, scale=ScaleSettings(most=3))
    await obstacle(attended)
    await trouble(attended)

    assert await attended.operations() == []
    (case,) = await attended.cases()
    assert case.held == said
    assert said in await attended.bench.says("automation")


@pytest.mark.parametrize("obstacle", [freeze, incident])
async def test_neither_a_freeze_nor_an_incident_leaves_a_worker_dead(attended: Attended, obstacle: Obstacle) -> None:
    attended.allow("heal")
    await obstacle(attended)
    await dead_worker(attended)

    assert [each.call.path for each in await attended.operations()] == [("reset",)]


async def test_load_is_followed_where_nothing_holds_it(attended: Attended) -> None:
    attended.allow("scale", scale=ScaleSettings(most=3))
    await load(attended)

    assert [each.call.args["count"] for each in await attended.operations()] == [3]


async def again(attended: Attended, worker: int) -> None:
    """It is well for a while, then a worker is lost."""
    await attended.end(OperationState.DONE)
    attended.lose()
    await attended.look(10)
    attended.lose(worker)
    await attended.look(3)


async def test_no_more_is_done_within_an_hour_than_may_be(attended: Attended) -> None:
    attended.allow("heal", heal=RuleSettings(cooldown=AT_ONCE, most_per_hour=1))
    await dead_worker(attended)
    await again(attended, 1)
    said, during = attended.says("Worker restarts"), len(await attended.operations())
    attended.bench.clock.advance(timedelta(hours=1))
    await attended.look(1)

    assert "holds back: it acted 1 times within the hour, which is the most it may" in said
    assert (during, len(await attended.operations())) == (1, 2)


async def test_what_begins_again_and_again_is_not_mended_by_the_same_once_more(attended: Attended) -> None:
    attended.allow("heal", budget=20, heal=RuleSettings(cooldown=AT_ONCE, most_per_hour=20))
    await dead_worker(attended)
    await again(attended, 1)
    await again(attended, 0)

    assert len(await attended.operations()) == 2
    assert "holds back: it began 3 times within half an hour" in attended.says("Worker restarts")
