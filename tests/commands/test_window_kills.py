"""A replica that dies between two transactions over a window: another one goes on, and nothing is doubled."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta

import pytest

from bot.core.records import Store, Unit
from bot.core.windows import Window, WindowState
from bot.operations.windows import GRACE, REMINDED_BEFORE
from bot.views import render
from tests.commands.bench import CHANNEL, Bench

pytestmark = pytest.mark.timeout(120)


class Killed(BaseException):
    """Nothing of the program catches this, as nothing catches a signal 9."""


@dataclass(slots=True)
class Mortal:
    """A store whose program dies when it begins one transaction too many."""

    store: Store
    left: int

    def transaction(self) -> AbstractAsyncContextManager[Unit]:
        self.left -= 1
        if self.left < 0:
            raise Killed
        return self.store.transaction()


@pytest.mark.parametrize("left", range(4))
@pytest.mark.parametrize(
    ("after", "becomes"),
    [
        pytest.param(-REMINDED_BEFORE, WindowState.PLANNED, id="reminder"),
        pytest.param(timedelta(), WindowState.BEGINNING, id="start"),
        pytest.param(GRACE * 2, WindowState.MISSED, id="missed"),
    ],
)
async def test_a_turn_that_was_killed_is_taken_again_and_done_once(
    bench: Bench, left: int, after: timedelta, becomes: WindowState
) -> None:
    start = bench.clock() + timedelta(hours=1)
    window = Window(
        "w1", bench.service.name, CHANNEL, "U1", "Update", start, start + timedelta(hours=2), "", WindowState.PLANNED
    )
    store = bench.store
    async with store.transaction() as tx:
        await tx.windows.book(window)
    bench.clock.at = start + after

    bench.store = Mortal(store, left)
    try:
        await bench.engine.windows.turn("w1")
    except Killed:
        bench.store = store
        await bench.engine.windows.turn("w1")  # the queue gives the job to the next one

    async with store.transaction() as tx:
        recent = await tx.operations.recent()
        stored = await tx.windows.get("w1")
        due = await tx.due.take(now=start + timedelta(hours=3))
    assert stored.state is becomes
    begins = becomes is WindowState.BEGINNING
    assert len(recent) == begins
    assert len([each for each in bench.chat.posted(CHANNEL) if "Update" in render(each).text]) == (not begins)
    assert len([row for row in due if row.kind == "window"]) == (becomes is not WindowState.MISSED)
