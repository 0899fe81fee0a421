"""Killed anywhere, any number of times: the operation still ends, and each effect came once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.core.records import Store, Unit
from bot.core.results import OperationState
from tests.operations.world import Lamps, World


class Killed(BaseException):
    """The process is gone."""


@dataclass(slots=True)
class MortalStore:
    """A store whose process is killed in its `left`-th transaction: before or after the commit."""

    store: Store
    left: int
    after_commit: bool

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Unit]:
        self.left -= 1
        async with self.store.transaction() as tx:
            yield tx
            if self.left == 0 and not self.after_commit:
                raise Killed
        if self.left == 0:
            raise Killed


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
        world.store = MortalStore(living, left, after_commit)
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
