"""When something may be done by itself, and when it is only proposed; what would be done is not run here."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.automation.rule import RuleSettings
from bot.automation.rules.scale import ScaleSettings
from bot.core.errors import Conflict
from bot.core.people import Actor, Role
from bot.core.plan import Call
from bot.core.ports import Processes
from bot.core.records import Lease
from bot.core.results import OperationState, Table
from tests.automation.conftest import CHIEF, Attended
from tests.commands.bench import ANA, CHANNEL
from tests.fakes import FakeProcesses, worker

pytestmark = [pytest.mark.timeout(120), pytest.mark.row("W")]
BOSS = Actor(CHIEF, "Chief", Role.COMMANDER)


async def test_what_nobody_allowed_is_only_a_button_with_the_plan(attended: Attended) -> None:
    await attended.look(2)
    attended.lose(0)
    await attended.look(3)

    card = attended.message("Worker restarts")
    button = next(each for each in card.buttons if each.label == "Next: reset")
    assert await attended.operations() == []
    await attended.click(button.verb, button.row_id)
    await attended.work()
    ((_, who, _),) = attended.bench.chat.whispers
    assert who == ANA.user_id
    assert (await attended.bench.newest()).call.path == ("reset",)


async def test_what_is_proposed_where_nothing_fails_has_a_button_under_automation(attended: Attended) -> None:
    attended.allow(scale=ScaleSettings(above=12, below=6, bad=2, of=3))
    busy = FakeProcesses(tuple(replace(worker(number), cpu=50.0) for number in range(2)))
    attended.bench.ports |= {Processes: busy}
    await attended.look(12)

    shown = await attended.bench.type("automation")
    assert isinstance(shown, Table)
    (button,) = shown.buttons
    assert button.label == "Plan: scale 3"
    assert await attended.operations() == []
    await attended.click(button.verb, button.row_id)
    assert (await attended.bench.newest()).call == Call(("scale",), {"count": 3})


async def test_the_switch_keeps_everything_from_being_done_and_only_a_commander_turns_it_on(attended: Attended) -> None:
    attended.allow("heal")
    off = await attended.bench.says("automation off it hides a leak")
    await attended.look(2)
    attended.lose(0)
    await attended.look(3)

    assert "All automation is off" in off
    assert await attended.operations() == []
    assert "all automation is turned off: it hides a leak" in attended.says("Worker restarts")
    assert "off, like all" in await attended.bench.says("automation")
    on = attended.bench.registry.commands["automation", "on"]
    assert on.role is Role.COMMANDER
    await attended.bench.says("automation on", actor=BOSS)
    await attended.look(1)
    assert len(await attended.operations()) == 1
    with pytest.raises(Conflict, match="is not off"):
        await attended.bench.type("automation on", actor=BOSS)


async def test_the_switch_stops_what_was_begun_before_its_next_step(attended: Attended) -> None:
    attended.allow("heal")
    await attended.look(2)
    attended.lose(0)
    await attended.look(3)
    said = await attended.bench.says("automation off")
    attended.runs = True
    (begun,) = await attended.operations()
    await attended.bench.engine.run(begun.id)
    await attended.work()

    (operation,) = await attended.operations()
    assert "It stops before its next step: Reset the workers" in said
    assert (operation.state, operation.why) == (OperationState.CANCELLED, "Nothing was touched.")
    async with attended.bench.store.transaction() as tx:
        assert [off.rule for off in await tx.automation.offs()] == [""]


@pytest.mark.parametrize(
    ("obstacle", "said"),
    [
        pytest.param("", "", id="nothing"),
        pytest.param("alerts acknowledge", "somebody has acknowledged the alert and is on it", id="acknowledged"),
        pytest.param("alerts silence 2h known", "the alert is silenced", id="silenced"),
    ],
)
async def test_where_a_person_is_at_it_it_only_proposes(attended: Attended, obstacle: str, said: str) -> None:
    await attended.look(2)
    attended.lose(0)
    await attended.look(3)
    group = (await attended.problem("Worker restarts")).group.id
    words = obstacle.split()
    if words:
        await attended.bench.type(" ".join((*words[:2], group, *words[2:])))
    attended.allow("heal")
    await attended.look(2)

    assert len(await attended.operations()) == (not words)
    if words:
        assert f"Not done by itself: reset. Automation heal holds back: {said}." in attended.says("Worker restarts")
        assert said in await attended.bench.says("automation")


@pytest.mark.parametrize(
    ("obstacle", "said"),
    [
        pytest.param("", "", id="nothing"),
        pytest.param("alerts acknowledge", "somebody has acknowledged the alert and is on it", id="acknowledged"),
        pytest.param("alerts silence 2h known", "the alert is silenced", id="silenced"),
    ],
)
async def test_where_a_person_is_at_the_storm_that_tells_of_it_it_only_proposes(
    attended: Attended, obstacle: str, said: str
) -> None:
    await attended.look(2)
    attended.lose(0)
    await attended.storm()
    await attended.look(2)
    (storm,) = [view.group.id for view in await attended.firing() if view.group.title == "Alert storm"]
    words = obstacle.split()
    if words:
        await attended.bench.type(" ".join((*words[:2], storm, *words[2:])))
    attended.allow("heal")
    await attended.look(2)

    assert not [view for view in await attended.firing() if view.group.title.endswith("Worker restarts")]
    assert len(await attended.operations()) == (not words)
    told = attended.says(title="Alert storm")
    expected = f"Not done by itself: reset. Automation heal holds back: {said}." if words else "By itself: reset"
    assert expected in told


async def test_during_maintenance_nothing_is_healed_until_it_is_over(attended: Attended) -> None:
    attended.allow("heal")
    name, now = attended.bench.service.name, attended.bench.clock()
    kept = Lease(
        "l1", "maintenance", name, name, "ops", "U1", "", CHANNEL, "o1", Call(("maintenance", "off")), now, None
    )
    async with attended.bench.store.transaction() as tx:
        await tx.leases.open(kept)
    await attended.look(2)
    attended.lose(0)
    await attended.look(3)
    during = await attended.operations()
    said = attended.says("Worker restarts")
    async with attended.bench.store.transaction() as tx:
        await tx.leases.end("l1", at=attended.bench.clock(), by="U1")
    await attended.look(1)

    assert (during, len(await attended.operations())) == ([], 1)
    assert "maintenance is on" in said


async def test_within_the_cooldown_and_beyond_the_budget_it_is_proposed_and_said(attended: Attended) -> None:
    attended.allow("heal", budget=1, heal=RuleSettings(cooldown=timedelta(minutes=30)))
    await attended.look(2)
    attended.lose(0)
    await attended.look(3)
    await attended.end(OperationState.DONE)
    assert "0 of 1" in await attended.bench.says("automation")
    attended.lose()
    await attended.look(3)
    attended.lose(1)
    await attended.look(3)
    beyond = attended.says("Worker restarts")
    attended.allow("heal", budget=2)
    await attended.look(1)
    within = attended.says("Worker restarts")

    assert "holds back: the budget of 1 acts in 24 hours is used up" in beyond
    assert "ago, and waits 30m after each act" in within
    assert len(await attended.operations()) == 1
    attended.bench.clock.advance(timedelta(minutes=30))
    await attended.look(1)
    assert len(await attended.operations()) == 2


async def test_what_somebody_stopped_by_hand_is_left_alone(attended: Attended) -> None:
    attended.allow("heal")
    await attended.look(2)
    attended.lose(0, status="stopped")
    await attended.look(3)

    assert await attended.operations() == []
    assert "worker 0 is stopped, which is not what a crash leaves behind" in attended.says("Worker restarts")
