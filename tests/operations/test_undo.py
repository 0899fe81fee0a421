"""A change without a lease is taken back by its stored inverse, cancelled by its id, and listed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.core.command import Context
from bot.core.errors import Conflict, NotFound, UsageError
from bot.core.people import Actor
from bot.core.prose import Code
from bot.core.records import Store
from bot.core.registry import bind
from bot.core.results import OperationState, PlanCard, PlanState, Result, Table, Text
from bot.operations.clicks import take_back
from bot.operations.engine import Engine
from bot.views import render
from commands import cancel, history, undo
from tests.operations.world import ANA, BEN, CHIEF, Lamps, World


def typed(world: World, actor: Actor = ANA) -> tuple[dict[type, object], Context]:
    return {Store: world.store, Engine: world.engine}, world.context(actor)


async def undone(world: World, id_: str = "", actor: Actor = ANA) -> Result:
    ports, ctx = typed(world, actor)
    answer: Result = await bind(undo.undo, ports)(ctx, undo.What(id=id_))
    return answer


async def cancelled(world: World, id_: str = "", actor: Actor = ANA) -> Result:
    ports, ctx = typed(world, actor)
    answer: Result = await bind(cancel.cancel, ports)(ctx, cancel.What(id=id_))
    return answer


async def test_undo_takes_back_the_last_change_of_the_one_who_asks_once_confirmed(world: World) -> None:
    await world.accepted("ab")
    await world.work()
    world.clock.advance(timedelta(minutes=1))

    card = await undone(world)
    assert isinstance(card, PlanCard)
    assert card.title == "Turn off a, b"
    assert world.lamps.on["a"]
    await world.confirm((await world.newest()).id)
    await world.work()

    assert world.lamps.on == {"a": False, "b": False, "c": False}


async def test_what_somebody_else_changed_is_taken_back_by_its_id_only(world: World) -> None:
    operation_id = await world.accepted("a")
    await world.work()

    with pytest.raises(NotFound, match="Nothing is active"):
        await undone(world, actor=BEN)
    card = await undone(world, operation_id[:8], actor=BEN)

    assert isinstance(card, PlanCard)
    assert card.requester == BEN.user_id


async def test_the_undo_button_of_a_finished_change_puts_the_plan_before_the_one_who_clicked(world: World) -> None:
    operation_id = await world.accepted("a")
    await world.work()

    assert await take_back(world.context(BEN), operation_id, engine=world.engine) is None
    await world.work()

    [(_, user, card)] = world.chat.whispers
    assert isinstance(card, PlanCard)
    assert (user, card.title) == (BEN.user_id, "Turn off a")


async def test_the_undo_button_says_when_it_is_taken_back_already(world: World) -> None:
    operation_id = await world.accepted("a")
    await world.work()
    world.lamps.on["a"] = False

    with pytest.raises(Conflict, match="nothing has to change"):
        await take_back(world.context(BEN), operation_id, engine=world.engine)


@pytest.mark.parametrize("lamps", [Lamps(dead={"a on"}), Lamps()], ids=["rolled back", "no way back"])
async def test_what_has_no_way_back_is_not_undone(world: World, lamps: Lamps) -> None:
    world.lamps = lamps
    world.engine = world.another()
    operation_id = await world.accepted("a", undo=bool(lamps.dead))
    await world.work()

    with pytest.raises(Conflict, match="cannot be undone"):
        await world.engine.undo(world.context(), operation_id, show=False)


async def test_cancel_dismisses_a_plan_that_nobody_has_decided(world: World) -> None:
    operation_id = await world.proposed("a")

    card = await cancelled(world)

    assert isinstance(card, PlanCard)
    assert card.state is PlanState.CANCELLED
    assert (await world.get(operation_id)).plan_state is PlanState.CANCELLED


async def test_cancel_ends_what_waits_to_run_and_touches_nothing(world: World) -> None:
    operation_id = await world.accepted("a")

    answer = await cancelled(world, operation_id[:6], actor=CHIEF)
    await world.work()

    assert isinstance(answer, Text)
    assert (await world.get(operation_id)).state is OperationState.CANCELLED
    assert not world.lamps.on["a"]


async def test_cancel_names_what_there_is_when_it_cannot_tell(world: World) -> None:
    with pytest.raises(NotFound, match="Nothing waits or runs"):
        await cancelled(world)
    first = await world.proposed("a")
    await world.proposed("b")

    with pytest.raises(UsageError, match="Which one") as several:
        await cancelled(world)

    assert f"{first[:8]}: Turn on a on gateway" in several.value.hint


async def test_history_lists_every_change_with_its_id_and_how_it_ended(world: World) -> None:
    done = await world.accepted("a")
    await world.work()
    await world.proposed("b", risky=True)
    ports, ctx = typed(world)

    table: Table = await bind(history.history, ports)(ctx, history.Last())

    assert [row[2] for row in table.rows] == ["Turn on b", "Turn on a"]
    assert table.rows[0][5] == "awaiting approval"
    assert table.rows[1][0] == (Code(done[:8]),)
    assert "done" in render(table).text
    assert table.notes
