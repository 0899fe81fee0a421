"""Cards follow the rows, and Slack never holds up a change."""

from __future__ import annotations

import asyncio

import pytest

from bot.core.errors import IntegrationError
from bot.core.prose import Person
from bot.core.results import Failure, OperationState, PlanCard, PlanState, Progress, StepState
from tests.operations.world import ANA, CHANNEL, CHIEF, World
from tests.waiting import until


async def show(world: World, operation_id: str) -> None:
    """What the job does."""
    await world.engine.handlers["operation_card"](operation_id=operation_id)


def only_card(world: World, channel: str = CHANNEL) -> Progress:
    """The one card in the channel."""
    [card] = world.chat.posted(channel)
    assert isinstance(card, Progress)
    return card


async def test_a_waiting_operation_says_for_whom_it_waits_and_offers_to_cancel(world: World) -> None:
    first = await world.accepted("a")
    second = await world.accepted("b")
    begun, go = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        begun.set()
        await go.wait()

    world.lamps.during = {"a on": wait}
    running = asyncio.create_task(world.engine.run(first))
    await begun.wait()

    await show(world, second)

    card = only_card(world)
    assert card.state is OperationState.QUEUED
    assert card.notes == (("Waits for: Turn on a, by ", Person(ANA.user_id), "."),)
    assert [(button.label, button.verb) for button in card.buttons] == [("Cancel", "operation.cancel")]
    go.set()
    await running


async def test_those_that_wait_are_shown_anew_when_another_one_begins(world: World) -> None:
    first = await world.accepted("a")
    second = await world.accepted("b")
    world.deferred.jobs.clear()

    await world.engine.run(first)

    assert [job.args["operation_id"] for job in world.deferred.jobs] == [second, first]


async def test_the_card_follows_while_the_operation_runs(world: World) -> None:
    operation_id = await world.accepted("ab")
    await show(world, operation_id)
    seen = asyncio.Event()

    async def wait() -> None:
        await until(lambda: [step.state for step in only_card(world).steps] == [StepState.DONE, StepState.RUNNING])
        seen.set()

    world.lamps.during = {"b on": wait}
    await world.engine.run(operation_id)

    assert seen.is_set()


async def test_a_cancel_that_was_asked_for_is_shown_and_not_offered_again(world: World) -> None:
    operation_id = await world.accepted("ab")
    cards = []

    async def cancel() -> None:
        await world.engine.approval.cancel(world.context(CHIEF), operation_id)
        await show(world, operation_id)
        cards.append(only_card(world))

    world.lamps.during = {"a on": cancel}
    await world.engine.run(operation_id)

    [card] = cards
    assert card.notes[-1] == (Person(CHIEF.user_id), " asked to cancel: no further step is begun.")
    assert card.buttons == ()


@pytest.mark.parametrize("method", ["update", "post"])
async def test_slack_being_away_holds_up_nothing_and_is_tried_again(world: World, method: str) -> None:
    operation_id = await world.accepted("a")
    if method == "update":
        await show(world, operation_id)
    world.chat.refuses = {method: "service_unavailable"}
    await world.engine.run(operation_id)
    assert (await world.get(operation_id)).state is OperationState.DONE
    with pytest.raises(IntegrationError):
        await show(world, operation_id)
    world.chat.refuses = {}

    await show(world, operation_id)

    assert only_card(world).state is OperationState.DONE


async def test_where_the_bot_cannot_post_the_requester_gets_the_card(world: World) -> None:
    operation_id = await world.accepted("a")
    world.chat.shut = {CHANNEL}

    await world.work()

    assert only_card(world, "D0ANA").state is OperationState.DONE
    card = (await world.get(operation_id)).card
    assert card is not None
    assert card.channel == "D0ANA"


async def test_a_post_whose_record_was_lost_is_found_again(world: World) -> None:
    operation_id = await world.accepted("a")
    async with world.store.transaction() as tx:
        await tx.claims.claim(f"operation:{operation_id}", at=world.clock())
    lost = await world.chat.post(CHANNEL, Failure("as it was posted"), key=f"operation:{operation_id}")

    await show(world, operation_id)
    await world.work()

    assert only_card(world).state is OperationState.DONE
    assert (await world.get(operation_id)).card == lost


async def test_a_card_that_was_overtaken_while_it_was_posted_is_brought_up_to_date(world: World) -> None:
    operation_id = await world.accepted("a")
    world.chat.during_post = lambda: world.engine.run(operation_id)

    await show(world, operation_id)

    assert only_card(world).state is OperationState.DONE


async def test_a_card_that_was_overtaken_while_it_was_updated_is_brought_up_to_date(world: World) -> None:
    operation_id = await world.accepted("a")
    await show(world, operation_id)
    world.chat.during_update = lambda: world.engine.run(operation_id)

    await show(world, operation_id)

    assert only_card(world).state is OperationState.DONE


async def test_what_a_replica_showed_that_was_taken_over_from_is_put_right(world: World) -> None:
    operation_id = await world.accepted("a")
    await show(world, operation_id)
    overtaken = asyncio.Event()

    async def overtake() -> None:
        world.lamps.during.clear()
        await world.another().run(operation_id)
        await world.work()
        overtaken.set()

    async def wait() -> None:
        await overtaken.wait()

    world.lamps.during = {"a on": wait}
    world.chat.during_update = overtake  # the card of the one that is overtaken gets there after it
    await world.engine.run(operation_id)
    stale = only_card(world).state
    await world.work()

    assert not stale.is_final
    assert only_card(world).state is OperationState.DONE


async def test_a_risky_plan_that_cannot_be_put_up_is_taken_back_and_the_requester_told(world: World) -> None:
    world.chat.shut = {CHANNEL}
    operation_id = await world.proposed("a", risky=True)

    await world.work()

    assert (await world.get(operation_id)).plan_state is PlanState.CANCELLED
    assert world.chat.posted("D0ANA") == [
        Failure(
            "Turn on a was not put up for approval: I cannot post in that channel.",
            hint="Invite me there and type the command again.",
        )
    ]


async def test_a_risky_plan_waits_for_slack_to_come_back(world: World) -> None:
    world.chat.refuses = {"post": "service_unavailable"}
    operation_id = await world.proposed("a", risky=True)

    with pytest.raises(IntegrationError):
        await show(world, operation_id)

    assert (await world.get(operation_id)).plan_state is PlanState.AWAITING_APPROVAL


async def test_a_dismissed_plan_that_only_its_requester_saw_is_not_looked_for(world: World) -> None:
    operation_id = await world.proposed("a")
    await world.engine.approval.dismiss(world.context(), operation_id)
    world.chat.refuses = {"find": "must not be asked"}

    await show(world, operation_id)

    assert world.chat.posted(CHANNEL) == []


async def test_a_plan_that_cannot_be_whispered_is_sent_to_the_requester(world: World) -> None:
    operation_id = await world.proposed("ab")
    world.lamps.on["a"] = True
    await world.confirm(operation_id)
    world.chat.refuses = {"whisper": "user_not_in_channel"}

    await world.work()

    [card] = world.chat.posted("D0ANA")
    assert isinstance(card, PlanCard)
    assert card.steps == ("Switch b on",)


async def test_a_plan_waits_for_slack_to_come_back(world: World) -> None:
    operation_id = await world.proposed("a")
    world.chat.refuses = {"whisper": "service_unavailable"}

    with pytest.raises(IntegrationError):
        await show(world, operation_id)
