"""A risky change without its second person: told to everybody who matters, and reviewed afterwards."""

from __future__ import annotations

import pytest

from bot.core.command import Args
from bot.core.errors import IntegrationError, NotAllowed
from bot.core.parts import Button
from bot.core.records import Store
from bot.core.registry import bind
from bot.core.results import PlanCard, PlanState, Table, Text
from bot.operations.clicks import review
from bot.views import render
from commands import reviews
from tests.operations.world import ANA, BEN, CHANNEL, CHIEF, World

WHY = "alone at night"
CHIEFS = f"D{CHIEF.user_id[1:]}"


async def broken(world: World) -> str:
    """A risky change that ran by break-glass."""
    operation_id = await world.accepted("a", risky=True, break_glass=WHY)
    await world.work()
    return operation_id


async def listed(world: World) -> Table:
    table: Table = await bind(reviews.reviews, {Store: world.store})(world.context(), Args())
    assert render(table).text
    return table


async def test_the_requester_confirms_alone_on_a_card_that_says_so(world: World) -> None:
    card = await world.ask("a", risky=True, break_glass=WHY)

    assert isinstance(card, PlanCard)
    assert card.state is PlanState.PROPOSED
    assert "all commanders are told" in render(card).text
    await world.confirm((await world.newest()).id)
    await world.work()
    assert world.lamps.on["a"]


async def test_nobody_else_confirms_it(world: World) -> None:
    operation_id = await world.proposed("a", risky=True, break_glass=WHY)

    with pytest.raises(NotAllowed):
        await world.confirm(operation_id, actor=BEN)

    assert not world.lamps.on["a"]


async def test_the_channel_and_every_commander_are_told_once_each_with_the_reason(world: World) -> None:
    operation_id = await broken(world)
    await world.engine.break_glass.tell(operation_id)  # the job comes a second time

    notices = [posted for posted in world.chat.messages.values() if posted.key.startswith("break_glass")]

    assert sorted(notice.channel for notice in notices) == [CHANNEL, CHIEFS]
    for notice in notices:
        assert WHY in render(notice.result).text
        assert isinstance(notice.result, Text)
        assert notice.result.buttons == (Button("I have reviewed it", "operation.review", operation_id),)


async def test_one_who_cannot_be_reached_is_tried_again_and_keeps_it_from_nobody_else(world: World) -> None:
    world.chat.shut.add(CHANNEL)
    operation_id = await world.accepted("a", risky=True, break_glass=WHY)

    with pytest.raises(IntegrationError):
        await world.engine.break_glass.tell(operation_id)
    assert [posted.channel for posted in world.chat.messages.values()] == [CHIEFS]
    world.chat.shut.clear()
    await world.engine.break_glass.tell(operation_id)

    assert [posted.channel for posted in world.chat.messages.values()] == [CHIEFS, CHANNEL]


async def test_a_command_that_takes_two_people_takes_them_at_night_too(world: World) -> None:
    world.two_people = ("lamps",)
    world.engine = world.another()

    with pytest.raises(NotAllowed, match="takes two people"):
        await world.ask("a", risky=True, break_glass=WHY)


async def test_it_waits_for_a_review_by_another_commander(world: World) -> None:
    operation_id = await broken(world)
    assert [button.row_id for button in (await listed(world)).buttons] == [operation_id]

    with pytest.raises(NotAllowed, match="somebody else"):
        await review(world.context(ANA), operation_id, engine=world.engine)
    seen = await review(world.context(CHIEF), operation_id, engine=world.engine)

    assert f"Reviewed by <@{CHIEF.user_id}>" in render(seen).text
    assert (await listed(world)).rows == ()


async def test_the_first_review_counts(world: World) -> None:
    operation_id = await broken(world)
    await review(world.context(CHIEF), operation_id, engine=world.engine)

    again = await review(world.context(BEN), operation_id, engine=world.engine)

    assert f"Reviewed by <@{CHIEF.user_id}>" in render(again).text


async def test_it_is_in_the_audit_chain(world: World) -> None:
    operation_id = await broken(world)
    await review(world.context(CHIEF), operation_id, engine=world.engine)

    kinds = [(kind, data.get("decision")) for kind, _, data in await world.audited()]

    assert ("approval", "break-glass") in kinds
    assert ("review", None) in kinds


async def test_a_change_that_needs_nobody_else_is_no_break_glass(world: World) -> None:
    await world.accepted("a", break_glass=WHY)
    await world.work()

    assert not [posted for posted in world.chat.messages.values() if posted.key.startswith("break_glass")]
    assert (await listed(world)).rows == ()
