"""Buttons carry a verb and a row id, and nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.core.command import Click, Filling
from bot.core.registry import bind
from bot.core.results import OperationState, PlanCard, PlanState, Result
from bot.operations.clicks import CLICKS
from bot.operations.engine import Engine
from tests.operations.world import ANA, CHIEF, World

BY_VERB: dict[str, Click] = {click.verb: click for click in CLICKS}


async def click(world: World, verb: str, row_id: str, *, chief: bool = False) -> Result | Filling | None:
    function = bind(BY_VERB[verb].run, {Engine: world.engine})
    return await function(world.context(CHIEF if chief else ANA), row_id)


@pytest.mark.parametrize(
    ("verb", "risky", "state"),
    [
        ("operation.confirm", False, PlanState.ACCEPTED),
        ("operation.approve", True, PlanState.ACCEPTED),
        ("operation.dismiss", False, PlanState.CANCELLED),
    ],
)
async def test_a_decision_answers_with_the_card_as_it_stands(
    world: World, verb: str, state: PlanState, *, risky: bool
) -> None:
    operation_id = await world.proposed("a", risky=risky)

    card = await click(world, verb, operation_id, chief=risky)

    assert isinstance(card, PlanCard)
    assert card.state is state


async def test_cancel_leaves_its_card_to_the_engine(world: World) -> None:
    operation_id = await world.accepted("a")

    answer = await click(world, "operation.cancel", operation_id)

    assert answer is None
    assert (await world.get(operation_id)).state is OperationState.CANCELLED


async def test_undo_leaves_the_card_of_what_was_done_as_it_is(world: World) -> None:
    await world.accepted("a", lasts=3600)
    await world.work()
    async with world.store.transaction() as tx:
        [lease] = await tx.leases.active()
    world.clock.advance(timedelta(seconds=1))

    answer = await click(world, "lease.undo", lease.id)

    assert answer is None
    assert (await world.newest()).plan.title == "Turn off a"


async def test_every_button_on_a_card_has_a_handler(world: World) -> None:
    safe = await world.ask("a")
    await world.ask("a", risky=True)
    await world.work()
    cards = [safe, *world.chat.posted("C0OPS")]

    verbs = {button.verb for card in cards if isinstance(card, PlanCard) for button in card.buttons}

    assert verbs == {"operation.confirm", "operation.approve", "operation.dismiss"}
    assert verbs <= set(BY_VERB)
