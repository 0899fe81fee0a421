"""An operation from its plan to its end."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bot.core.errors import IntegrationError, OutcomeUnknown
from bot.core.plan import Action
from bot.core.results import OperationState, PlanCard, PlanState, Progress, StepState, Text
from bot.operations.runner import MOST_TAKE_OVERS
from tests.operations.world import CHANNEL, ONCE, SWITCH, World


async def test_a_confirmed_change_is_done_when_it_was_seen(world: World) -> None:
    operation_id = await world.accepted("ab", reason="it is dark")

    await world.work()

    operation = await world.get(operation_id)
    assert operation.state is OperationState.DONE
    assert operation.reason == "it is dark"
    assert world.lamps.on == {"a": True, "b": True, "c": False}
    assert [(row.title, row.state, row.evidence) for row in await world.steps(operation_id)] == [
        ("Switch a on", StepState.DONE, "a is on."),
        ("Switch b on", StepState.DONE, "b is on."),
    ]
    [card] = world.chat.posted(CHANNEL)
    assert isinstance(card, Progress)
    assert card.state is OperationState.DONE


async def test_nothing_is_touched_before_somebody_confirms(world: World) -> None:
    card = await world.ask("ab")

    await world.work()

    assert isinstance(card, PlanCard)
    assert card.state is PlanState.PROPOSED
    assert [button.verb for button in card.buttons] == ["operation.confirm", "operation.dismiss"]
    assert world.lamps.done == []


async def test_a_dry_run_shows_the_plan_and_stores_nothing(world: World) -> None:
    card = await world.ask("ab", dry_run=True)

    assert isinstance(card, PlanCard)
    assert card.state is PlanState.DRY_RUN
    assert card.buttons == ()
    assert card.steps == ("Switch a on", "Switch b on")
    async with world.store.transaction() as tx:
        assert await tx.operations.recent() == ()


async def test_what_is_so_already_is_only_said(world: World) -> None:
    answer = await world.ask("ab", on=False)

    assert answer == Text(("Turn off a, b: nothing has to change.",))


async def test_a_step_that_is_seen_to_have_failed_is_put_back_with_all_before_it(world: World) -> None:
    world.lamps.dead = {"b on"}
    operation_id = await world.accepted("abc")

    await world.work()

    operation = await world.get(operation_id)
    assert operation.state is OperationState.ROLLED_BACK
    assert operation.why == '"Switch b on" failed. Everything was put back, and seen to be.'
    assert not any(world.lamps.on.values())
    assert [(row.title, row.undo, row.state) for row in await world.steps(operation_id)] == [
        ("Switch a on", False, StepState.UNDONE),
        ("Switch b on", False, StepState.FAILED),
        ("Switch c on", False, StepState.SKIPPED),
        ("Switch c off", True, StepState.DONE),
        ("Switch b off", True, StepState.DONE),
        ("Switch a off", True, StepState.DONE),
    ]


async def test_what_is_as_it_was_is_left_alone_when_things_are_put_back(world: World) -> None:
    world.lamps.dead = {"b on"}
    await world.accepted("abc")

    await world.work()

    assert world.lamps.done == ["a on", "b on", "a off"]


@pytest.mark.parametrize("fault", ["dead", "blind"])
async def test_an_operation_that_is_not_seen_to_be_put_back_has_failed(world: World, fault: str) -> None:
    world.lamps.dead = {"b on"}
    setattr(world.lamps, fault, getattr(world.lamps, fault) | {"a off"})
    operation_id = await world.accepted("ab")

    await world.work()

    operation = await world.get(operation_id)
    assert operation.state is OperationState.FAILED
    assert operation.why == '"Switch b on" failed. Putting things back stopped at "Switch a off": look at it now.'
    assert (await world.steps(operation_id))[0].state is StepState.DONE


async def test_without_a_way_back_what_was_done_stays_and_the_card_says_so(world: World) -> None:
    world.lamps.dead = {"b on"}
    operation_id = await world.accepted("ab", undo=False)

    await world.work()

    operation = await world.get(operation_id)
    assert operation.state is OperationState.FAILED
    assert operation.why == '"Switch b on" failed. What was done stays: nothing is planned to put it back.'
    assert world.lamps.on["a"]


async def test_a_refusal_is_a_failure_and_says_what_was_refused(world: World) -> None:
    world.lamps.refuses = {"a on": IntegrationError("The switch sparks.", hint="Call an electrician.")}
    operation_id = await world.accepted("a")

    await world.work()

    assert (await world.steps(operation_id))[0].evidence == "The switch sparks. Call an electrician."
    assert (await world.get(operation_id)).state is OperationState.ROLLED_BACK


async def test_a_step_that_cannot_begin_touches_nothing(world: World) -> None:
    world.lamps.dark = {"a on"}
    operation_id = await world.accepted("ab")

    await world.work()

    operation = await world.get(operation_id)
    assert operation.state is OperationState.FAILED
    assert operation.why == '"Switch a on" failed. Nothing was touched.'
    assert (await world.steps(operation_id))[0].evidence == "Could not begin: It is dark. Open a window."
    assert world.lamps.done == []


@pytest.mark.parametrize(
    ("action", "why"),
    [
        (Action("lamp.gone", "Switch a on"), "Could not begin: No step is called lamp.gone any more. "),
        (Action("lamp.switch", "Switch a on", {"bulb": "a"}), 'Could not begin: The parameters of "Switch a on" have '),
    ],
    ids=["step", "parameters"],
)
async def test_a_stored_step_that_this_version_does_not_know_fails(world: World, action: Action, why: str) -> None:
    operation_id = await world.accepted("a")
    stored = await world.get(operation_id)
    plan = replace(stored.plan, actions=(action,))
    async with world.store.transaction() as tx:
        await tx.operations.propose(replace(stored, id="old", plan=plan, state=OperationState.RUNNING))

    await world.engine.run("old")

    assert (await world.get("old")).state is OperationState.FAILED
    [row] = await world.steps("old")
    assert row.evidence.startswith(why)


async def test_a_step_may_only_look(world: World) -> None:
    world.step = replace(SWITCH, do=None)
    world.engine = world.another()
    operation_id = await world.accepted("a")

    await world.work()

    assert world.lamps.done == []
    assert (await world.steps(operation_id))[0].state is StepState.FAILED


async def test_no_answer_leaves_the_word_to_the_observation(world: World) -> None:
    world.lamps.refuses = {"a on": OutcomeUnknown("No answer within 5 s.")}
    operation_id = await world.accepted("a")

    await world.work()

    assert (await world.get(operation_id)).state is OperationState.DONE
    assert (await world.steps(operation_id))[0].evidence == "a is on."


async def test_what_cannot_be_seen_is_unverified_and_never_done(world: World) -> None:
    world.lamps.refuses = {"a on": OutcomeUnknown("No answer within 5 s.")}
    world.lamps.blind = {"a on"}
    operation_id = await world.accepted("ab")

    await world.work()

    operation = await world.get(operation_id)
    assert operation.state is OperationState.UNVERIFIED
    assert operation.why == 'Whether "Switch a on" took effect could not be seen.'
    assert [(row.state, row.evidence) for row in await world.steps(operation_id)] == [
        (StepState.UNVERIFIED, "No answer within 5 s. It is too dark to see a."),
        (StepState.SKIPPED, ""),
    ]


async def test_an_effect_that_comes_late_is_waited_for(world: World) -> None:
    world.lamps.blind = {"a on"}

    async def light_up() -> None:
        world.lamps.blind.clear()

    world.lamps.during = {"a on": light_up}
    operation_id = await world.accepted("a")
    async with asyncio.timeout(5):
        await world.work()

    assert (await world.get(operation_id)).state is OperationState.DONE


async def test_a_plan_that_moved_while_it_waited_touches_nothing(world: World) -> None:
    operation_id = await world.accepted("ab")
    world.lamps.on["a"] = True

    await world.work()

    operation = await world.get(operation_id)
    assert operation.state is OperationState.CANCELLED
    assert operation.why == (
        "Nothing was touched: since it was planned, a was False and is True now. Type the command again."
    )
    assert world.lamps.done == []


async def test_a_state_that_cannot_be_looked_at_again_touches_nothing(world: World) -> None:
    operation_id = await world.accepted("ab")
    world.lamps.unreadable = IntegrationError("The house does not answer.")

    await world.work()

    operation = await world.get(operation_id)
    assert operation.state is OperationState.FAILED
    assert operation.why == "Nothing was touched, for it could not be planned again: The house does not answer."


async def test_an_operation_that_breaks_off_each_time_is_given_up(world: World) -> None:
    operation_id = await world.accepted("a")
    world.lamps.refuses = {"a on": KeyError("a bug")}
    world.lamps.dead = {"a on"}

    for _ in range(MOST_TAKE_OVERS):
        with pytest.raises(KeyError):
            await world.engine.run(operation_id)
    await world.engine.run(operation_id)

    operation = await world.get(operation_id)
    assert operation.state is OperationState.FAILED
    assert operation.why == f"It broke off 10 times and is given up; the log has the reason under {operation_id}."


async def test_a_finished_operation_is_not_run_again(world: World) -> None:
    operation_id = await world.accepted("a")
    await world.work()

    await world.engine.run(operation_id)

    assert world.lamps.done == ["a on"]


async def test_a_step_that_may_not_be_done_twice_is_not_done_again_after_an_interruption(world: World) -> None:
    world.step = ONCE
    world.engine = world.another()
    world.lamps.dead = {"a on"}
    world.lamps.refuses = {"a on": KeyError("the process dies")}
    operation_id = await world.accepted("a", undo=False)
    with pytest.raises(KeyError):
        await world.engine.run(operation_id)

    await world.another().run(operation_id)

    assert world.lamps.done == ["a on"]
    assert (await world.get(operation_id)).state is OperationState.FAILED


async def test_each_act_is_a_row_of_the_audit_chain_without_secrets(world: World) -> None:
    operation_id = await world.accepted("a", reason="password is hunter22", lasts=3600)

    await world.work()

    rows = await world.audited()
    assert [(kind, actor) for kind, actor, _ in rows] == [
        ("plan", "U0ANA"),
        ("approval", "U0ANA"),
        ("step", "U0ANA"),
        ("effect", "U0ANA"),
        ("lease", "U0ANA"),
        ("effect", "U0ANA"),
    ]
    assert rows[0][2]["operation"] == operation_id
    assert rows[0][2]["hash"] == (await world.get(operation_id)).plan_hash
    assert rows[3][2]["said"] == "switched a on"
    assert "hunter22" not in str(rows)
