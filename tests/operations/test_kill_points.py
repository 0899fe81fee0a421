"""Killed anywhere, any number of times: the operation still ends, and each effect came once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.core.records import Store, Unit
from bot.core.results import OperationState
from bot.jobs.due import sweep
from bot.operations.tasks import REMIND
from tests.conftest import Deferred
from tests.operations.world import Lamps, World


class Killed(BaseException):
    """The process is gone."""


@dataclass(slots=True)
class MortalStore:
    """A store whose process is killed in its `left`-th transaction: before or after the commit, jobs and all."""

    store: Store
    deferred: Deferred
    left: int
    after_commit: bool

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Unit]:
        self.left -= 1
        jobs = len(self.deferred.jobs)
        async with self.store.transaction() as tx:
            yield tx
            if self.left == 0 and not self.after_commit:
                del self.deferred.jobs[jobs:]
                raise Killed
        if self.left == 0:
            raise Killed


async def sweep_and_work(world: World) -> None:
    """What a replica does when it is its turn: a job is gone from the queue when it was done, not when it was begun."""
    engine = world.another()
    await sweep(world.store, now=world.clock())
    while jobs := world.deferred.jobs:
        await engine.handlers[jobs[0].task](**jobs[0].args)
        jobs.pop(0)


deaths = st.lists(st.tuples(st.integers(min_value=1, max_value=14), st.booleans()), max_size=6)


@given(deaths=deaths, dead=st.sets(st.sampled_from(["a on", "b on", "c on"]), max_size=1))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_an_operation_that_is_killed_anywhere_ends_as_if_it_had_not_been(
    world: World, deaths: list[tuple[int, bool]], dead: set[str]
) -> None:
    world.lamps = Lamps(dead=dead)
    world.engine = world.another()
    operation_id = await world.accepted("abc")
    living = world.store

    for left, after_commit in deaths:
        world.store = MortalStore(living, world.deferred, left, after_commit)
        try:
            await world.another().run(operation_id)
        except Killed:
            continue
        finally:
            world.store = living
    await world.another().run(operation_id)

    state = (await world.get(operation_id)).state
    assert state is (OperationState.ROLLED_BACK if dead else OperationState.DONE)
    assert world.lamps.on == dict.fromkeys("abc", not dead)
    effects = [done for done in world.lamps.done if done not in dead]
    assert len(effects) == len(set(effects))


@given(deaths=st.tuples(deaths, deaths))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_a_lease_is_reminded_of_once_and_ends_once_wherever_replicas_are_killed(
    world: World, deaths: tuple[list[tuple[int, bool]], list[tuple[int, bool]]]
) -> None:
    world.lamps = Lamps()
    world.engine = world.another()
    await world.accepted("a", lasts=timedelta(hours=1))
    await sweep_and_work(world)
    living = world.store
    async with living.transaction() as tx:
        [lease] = await tx.leases.active()

    for passed, killed in zip((timedelta(minutes=50), timedelta(minutes=11)), deaths, strict=True):
        world.clock.advance(passed)
        for left, after_commit in killed:
            world.store = MortalStore(living, world.deferred, left, after_commit)
            try:
                await sweep_and_work(world)
            except Killed:
                continue
            finally:
                world.store = living
        await sweep_and_work(world)

    assert [posted.key for posted in world.chat.messages.values()].count(f"{REMIND}:{lease.id}") == 1
    assert world.lamps.done == ["a on", "a off"]
    async with living.transaction() as tx:
        assert await tx.leases.active() == ()
        ends = [each for each in await tx.operations.recent(limit=100) if lease.id in each.plan.ends]
    assert [each.state for each in ends] == [OperationState.DONE]
