"""Replicas that come and go in the middle of an operation."""

from __future__ import annotations

import asyncio

import pytest

from bot.core.results import OperationState, StepState
from bot.operations.runner import HandedBack
from tests.operations.world import BEN, CHIEF, World


class Died(Exception):
    """The replica was killed here."""


async def test_the_successor_skips_what_was_done_and_looks_first_at_what_was_interrupted(world: World) -> None:
    operation_id = await world.accepted("abc")
    world.lamps.refuses = {"b on": Died()}  # after the effect came
    with pytest.raises(Died):
        await world.engine.run(operation_id)

    await world.another().run(operation_id)

    assert world.lamps.done == ["a on", "b on", "c on"]
    assert (await world.get(operation_id)).state is OperationState.DONE


async def test_the_successor_does_what_the_dead_one_did_not(world: World) -> None:
    operation_id = await world.accepted("ab")
    world.lamps.refuses = {"a on": Died()}
    world.lamps.dead = {"a on"}
    with pytest.raises(Died):
        await world.engine.run(operation_id)
    world.lamps.refuses.clear()
    world.lamps.dead.clear()

    await world.another().run(operation_id)

    assert world.lamps.done == ["a on", "a on", "b on"]
    assert (await world.get(operation_id)).state is OperationState.DONE


async def test_the_successor_goes_on_putting_things_back(world: World) -> None:
    operation_id = await world.accepted("abc")
    world.lamps.dead = {"c on"}
    world.lamps.refuses = {"b off": Died()}
    with pytest.raises(Died):
        await world.engine.run(operation_id)

    await world.another().run(operation_id)

    assert world.lamps.done == ["a on", "b on", "c on", "b off", "a off"]
    assert (await world.get(operation_id)).state is OperationState.ROLLED_BACK


async def test_who_was_taken_over_from_touches_nothing_more(world: World) -> None:
    operation_id = await world.accepted("abc")
    paused = asyncio.Event()
    woken = asyncio.Event()

    async def sleep() -> None:
        paused.set()
        await woken.wait()

    world.lamps.during = {"a on": sleep}
    sleeper = asyncio.create_task(world.engine.run(operation_id))
    await paused.wait()
    world.lamps.during.clear()
    await world.another().run(operation_id)
    after = list(world.lamps.done)
    rows = await world.steps(operation_id)
    woken.set()
    await sleeper

    assert world.lamps.done == after
    assert await world.steps(operation_id) == rows
    assert (await world.get(operation_id)).state is OperationState.DONE


async def test_who_was_taken_over_from_before_it_began_does_not_begin(world: World) -> None:
    operation_id = await world.accepted("a")
    world.lamps.dead, world.lamps.refuses = {"a on"}, {"a on": Died()}
    with pytest.raises(Died):
        await world.engine.run(operation_id)
    world.lamps.refuses.clear()

    async def finish() -> None:
        await world.another().run(operation_id)

    world.lamps.during_look = finish
    await world.another().run(operation_id)  # looks whether it came, and sleeps while it does so

    assert world.lamps.done == ["a on", "a on"]
    assert (await world.get(operation_id)).state is OperationState.ROLLED_BACK


async def test_a_stopping_replica_ends_its_step_and_hands_the_rest_back(world: World) -> None:
    operation_id = await world.accepted("ab")

    async def stop() -> None:
        world.engine.drain()

    world.lamps.during = {"a on": stop}
    with pytest.raises(HandedBack):
        await world.engine.run(operation_id)

    assert [row.state for row in await world.steps(operation_id)] == [StepState.DONE]
    await world.another().run(operation_id)
    assert world.lamps.done == ["a on", "b on"]


async def test_a_stopping_replica_begins_no_operation(world: World) -> None:
    operation_id = await world.accepted("ab")
    world.engine.drain()

    with pytest.raises(HandedBack):
        await world.engine.run(operation_id)

    assert (await world.get(operation_id)).state is OperationState.QUEUED
    assert world.lamps.done == []


async def test_a_waiting_operation_is_cancelled_at_once(world: World) -> None:
    operation_id = await world.accepted("ab")

    await world.engine.approval.cancel(world.context(), operation_id)

    operation = await world.get(operation_id)
    assert (operation.state, operation.why) == (OperationState.CANCELLED, "Nothing was touched.")
    await world.work()
    assert world.lamps.done == []


async def test_cancel_stops_before_the_next_step_and_puts_back_what_was_done(world: World) -> None:
    operation_id = await world.accepted("abc")

    async def cancel() -> None:
        await world.engine.approval.cancel(world.context(CHIEF), operation_id)

    world.lamps.during = {"b on": cancel}
    await world.work()

    operation = await world.get(operation_id)
    assert operation.state is OperationState.CANCELLED
    assert operation.cancel_asked_by == CHIEF.user_id
    assert operation.why == "Stopped after 2 of 3 steps. Everything was put back, and seen to be."
    assert world.lamps.done == ["a on", "b on", "b off", "a off"]


async def test_cancel_without_a_way_back_leaves_what_was_done(world: World) -> None:
    operation_id = await world.accepted("ab", undo=False)

    async def cancel() -> None:
        await world.engine.approval.cancel(world.context(), operation_id)

    world.lamps.during = {"a on": cancel}
    await world.work()

    operation = await world.get(operation_id)
    assert operation.state is OperationState.CANCELLED
    assert world.lamps.on["a"]


async def test_cancel_before_the_first_step_finds_nothing_touched(world: World) -> None:
    operation_id = await world.accepted("ab")
    async with world.store.transaction() as tx:
        await tx.operations.ask_cancel(operation_id, by=BEN.user_id)

    await world.work()

    operation = await world.get(operation_id)
    assert (operation.state, operation.why) == (OperationState.CANCELLED, "Nothing was touched.")


async def test_cancel_of_what_has_ended_changes_nothing(world: World) -> None:
    operation_id = await world.accepted("a")
    await world.work()

    await world.engine.approval.cancel(world.context(), operation_id)

    assert (await world.get(operation_id)).cancel_asked_by == ""
    assert world.deferred.jobs == []
