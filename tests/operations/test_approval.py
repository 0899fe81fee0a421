"""Who may say yes to what, and until when."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.errors import Conflict, NotAllowed, NotFound
from bot.core.people import Actor, Role
from bot.core.plan import Call
from bot.core.results import OperationState, PlanCard, PlanState, Text
from tests.conftest import Job
from tests.operations.world import ANA, BEN, CHANNEL, CHIEF, World


async def test_only_the_one_who_asked_confirms(world: World) -> None:
    operation_id = await world.proposed("a")

    with pytest.raises(NotAllowed):
        await world.confirm(operation_id, actor=CHIEF)

    assert (await world.get(operation_id)).plan_state is PlanState.PROPOSED


async def test_a_confirmation_queues_the_operation_under_the_lock_of_what_it_touches(world: World) -> None:
    operation_id = await world.proposed("a")

    card = await world.confirm(operation_id)

    assert card.state is PlanState.ACCEPTED
    assert card.buttons == ()
    assert world.deferred.jobs == [
        Job("operation", "web-1:processes", {"operation_id": operation_id}),
        Job("operation_card", f"card:{operation_id}", {"operation_id": operation_id}),
    ]


async def test_a_second_click_shows_how_things_stand_and_queues_nothing(world: World) -> None:
    operation_id = await world.accepted("a")
    queued = list(world.deferred.jobs)

    card = await world.confirm(operation_id)

    assert card.state is PlanState.ACCEPTED
    assert world.deferred.jobs == queued


async def test_two_clicks_at_once_queue_one_run(world: World) -> None:
    operation_id = await world.proposed("a")

    cards = await asyncio.gather(world.confirm(operation_id), world.confirm(operation_id))

    assert {card.state for card in cards} == {PlanState.ACCEPTED}
    assert [job.task for job in world.deferred.jobs] == ["operation", "operation_card"]


async def test_a_risky_plan_is_put_into_the_channel_for_a_commander(world: World) -> None:
    answer = await world.ask("a", risky=True)
    await world.work()

    assert isinstance(answer, Text)
    [card] = world.chat.posted(CHANNEL)
    assert isinstance(card, PlanCard)
    assert card.state is PlanState.AWAITING_APPROVAL
    assert [button.verb for button in card.buttons] == ["operation.approve", "operation.dismiss"]


async def test_a_risky_plan_cannot_be_confirmed_by_its_requester(world: World) -> None:
    operation_id = await world.proposed("a", risky=True)

    card = await world.confirm(operation_id)

    assert card.state is PlanState.AWAITING_APPROVAL


@pytest.mark.parametrize("actor", [ANA, BEN], ids=["the requester", "no commander"])
async def test_a_risky_plan_is_approved_by_another_commander_only(world: World, actor: Actor) -> None:
    operation_id = await world.proposed("a", risky=True)

    with pytest.raises(NotAllowed):
        await world.engine.approval.approve(world.context(actor), operation_id)

    assert (await world.get(operation_id)).plan_state is PlanState.AWAITING_APPROVAL


async def test_a_commander_does_not_approve_what_they_asked_for(world: World) -> None:
    operation_id = await world.proposed("a", actor=CHIEF, risky=True)

    with pytest.raises(NotAllowed):
        await world.engine.approval.approve(world.context(CHIEF), operation_id)


async def test_an_approved_plan_runs_and_names_who_approved_it(world: World) -> None:
    operation_id = await world.proposed("a", risky=True)

    card = await world.engine.approval.approve(world.context(CHIEF), operation_id)
    await world.work()

    operation = await world.get(operation_id)
    assert card.state is PlanState.ACCEPTED
    assert operation.approver == CHIEF.user_id
    assert operation.state is OperationState.DONE


async def test_a_plan_that_moved_is_outdated_and_a_fresh_one_follows(world: World) -> None:
    operation_id = await world.proposed("ab")
    world.lamps.on["a"] = True

    card = await world.confirm(operation_id)
    await world.work()

    assert card.state is PlanState.OUTDATED
    assert card.note == "Since it was made, a was False and is True now. A fresh plan follows."
    [(channel, user, fresh)] = world.chat.whispers
    assert (channel, user) == (CHANNEL, ANA.user_id)
    assert isinstance(fresh, PlanCard)
    assert fresh.steps == ("Switch b on",)
    assert world.lamps.done == []


async def test_a_fresh_plan_of_a_risky_change_waits_for_approval_too(world: World) -> None:
    operation_id = await world.proposed("ab", risky=True)
    world.lamps.on["a"] = True
    world.clock.advance(timedelta(seconds=1))

    await world.engine.approval.approve(world.context(CHIEF), operation_id)

    fresh = await world.newest()
    assert fresh.id != operation_id
    assert (fresh.plan_state, fresh.requester) == (PlanState.AWAITING_APPROVAL, ANA.user_id)


async def test_a_plan_that_has_become_needless_is_outdated_without_a_successor(world: World) -> None:
    operation_id = await world.proposed("a")
    world.lamps.on["a"] = True

    card = await world.confirm(operation_id)

    assert card.note == "Since it was made, a was False and is True now. Nothing has to change any more."
    assert (await world.newest()).id == operation_id


async def test_a_look_that_takes_too_long_is_left_to_the_run(world: World) -> None:
    operation_id = await world.proposed("a")
    world.lamps.slow = timedelta(seconds=30)

    card = await world.confirm(operation_id)

    assert card.state is PlanState.ACCEPTED


async def test_a_plan_expires_when_nobody_decides(world: World) -> None:
    operation_id = await world.proposed("a")
    async with world.store.transaction() as tx:
        assert await tx.due.take(now=world.clock.advance(timedelta(minutes=14))) == ()
        [due] = await tx.due.take(now=world.clock.advance(timedelta(minutes=1)))

    await world.engine.handlers[due.kind](**due.args)

    card = await world.confirm(operation_id)
    assert card.state is PlanState.EXPIRED
    assert card.note == "Nobody decided in time. Type the command again."


async def test_a_click_after_the_time_counts_for_nothing_also_before_the_sweep(world: World) -> None:
    operation_id = await world.proposed("a")
    world.clock.advance(timedelta(minutes=15))

    card = await world.confirm(operation_id)

    assert card.state is PlanState.EXPIRED
    assert (await world.get(operation_id)).plan_state is PlanState.EXPIRED


async def test_an_expired_risky_plan_loses_its_buttons_in_the_channel(world: World) -> None:
    operation_id = await world.proposed("a", risky=True)
    await world.work()

    await world.engine.approval.expire(operation_id)
    await world.work()

    [card] = world.chat.posted(CHANNEL)
    assert isinstance(card, PlanCard)
    assert (card.state, card.buttons) == (PlanState.EXPIRED, ())


async def test_what_was_accepted_does_not_expire(world: World) -> None:
    operation_id = await world.accepted("a")

    await world.engine.approval.expire(operation_id)

    assert (await world.get(operation_id)).plan_state is PlanState.ACCEPTED


async def test_a_dismissed_plan_cannot_be_confirmed_any_more(world: World) -> None:
    operation_id = await world.proposed("a")

    dismissed = await world.engine.approval.dismiss(world.context(), operation_id)
    late = await world.confirm(operation_id)

    assert dismissed.state is late.state is PlanState.CANCELLED
    assert world.deferred.jobs == []


async def test_dismissing_what_runs_shows_how_things_stand(world: World) -> None:
    operation_id = await world.accepted("a")

    card = await world.engine.approval.dismiss(world.context(), operation_id)

    assert card.state is PlanState.ACCEPTED


async def test_somebody_else_without_a_role_neither_dismisses_nor_cancels(world: World) -> None:
    operation_id = await world.proposed("a")

    with pytest.raises(NotAllowed):
        await world.engine.approval.dismiss(world.context(BEN), operation_id)
    with pytest.raises(NotAllowed):
        await world.engine.approval.cancel(world.context(BEN), operation_id)


async def test_arguments_that_are_not_understood_any_more_ask_to_type_again(world: World) -> None:
    with pytest.raises(Conflict, match="have changed since"):
        await world.engine.propose_call(Call(("lamps",), {"bulbs": "a"}), world.context())
    with pytest.raises(NotFound):
        await world.engine.propose_call(Call(("bulbs",)), world.context())


async def test_two_clicks_on_a_plan_that_moved_make_one_fresh_plan(world: World) -> None:
    operation_id = await world.proposed("ab")
    world.lamps.on["a"] = True
    world.clock.advance(timedelta(seconds=1))

    await asyncio.gather(world.confirm(operation_id), world.confirm(operation_id))

    async with world.store.transaction() as tx:
        assert len(await tx.operations.recent()) == 2


async def test_another_way_to_the_same_end_is_another_plan(world: World) -> None:
    operation_id = await world.proposed("ab")
    world.lamps.backwards = True

    card = await world.confirm(operation_id)

    assert card.state is PlanState.OUTDATED
    assert card.note == "Since it was made, what has to be done is no longer the same. A fresh plan follows."


async def test_a_risky_plan_that_expires_before_it_was_posted_is_not_posted(world: World) -> None:
    operation_id = await world.proposed("a", risky=True)
    await world.engine.approval.expire(operation_id)

    await world.work()

    assert world.chat.posted(CHANNEL) == []


async def test_a_stored_call_is_proposed_like_a_typed_one(world: World) -> None:
    card = await world.engine.propose_call(Call(("lamps",), {"lamps": "a"}), world.context())

    assert isinstance(card, PlanCard)
    assert card.title == "Turn on a"


async def test_a_stored_call_needs_the_role_of_its_command(world: World) -> None:
    viewer = replace(BEN, role=Role.VIEWER)

    with pytest.raises(NotAllowed, match="needs the role responder"):
        await world.engine.propose_call(Call(("lamps",), {"lamps": "a"}), world.context(viewer))
