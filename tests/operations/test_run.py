"""An operation from its plan to its end."""

from __future__ import annotations

from bot.core.results import OperationState, PlanCard, PlanState, Progress, StepState
from tests.operations.world import CHANNEL, World


async def test_a_confirmed_change_is_done_when_it_was_seen(world: World) -> None:
    operation_id = await world.accepted("ab", reason="it is dark")

    await world.work()

    operation = await world.get(operation_id)
    assert operation.state is OperationState.DONE
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
