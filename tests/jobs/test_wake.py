"""Those who look for due slots are woken."""

from __future__ import annotations

import asyncio
from datetime import datetime

from bot.core.errors import IntegrationError
from bot.jobs.wake import Waker
from tests.conftest import SetClock
from tests.waiting import until


async def test_wakes_at_the_start_and_when_something_has_changed(clock: SetClock) -> None:
    woken: list[datetime] = []

    async def wake(now: datetime) -> None:
        woken.append(now)

    waker = Waker(wake, clock=clock)
    waker.start()
    await until(lambda: len(woken) == 1)
    waker.wake()
    await until(lambda: len(woken) == 2)
    waker.stop()

    assert woken == [clock(), clock()]


async def test_a_wake_that_fails_is_followed_by_the_next_and_keeps_nobody_else_asleep(clock: SetClock) -> None:
    woken: list[datetime] = []
    others: list[datetime] = []

    async def wake_other(now: datetime) -> None:
        others.append(now)

    async def wake(now: datetime) -> None:
        woken.append(now)
        raise IntegrationError("The database does not answer.")

    waker = Waker(wake, wake_other, clock=clock)
    waker.start()
    await until(lambda: len(woken) == 1)
    waker.wake()
    await until(lambda: len(woken) == 2)
    waker.stop()

    assert others == woken


async def test_the_next_wake_is_at_the_full_minute(clock: SetClock) -> None:
    async def wake(now: datetime) -> None:
        assert now == clock()

    waker = Waker(wake, clock=clock)
    waker.start()
    await asyncio.sleep(0.1)

    [job] = waker._scheduler.get_jobs()
    waker.stop()
    assert (job.next_run_time.second, job.next_run_time.microsecond) == (0, 0)
