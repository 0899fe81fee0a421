"""A year of schedules over all changes of the clocks, and replicas that are killed anywhere, by an injected clock."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.core.charts import Chart
from bot.core.fleet import Fleet
from bot.core.ports import Copy, MessageRef
from bot.core.results import Result
from bot.digests.digest import POSTED
from bot.digests.schedules import Schedule, Schedules
from bot.store.postgres import Postgres
from tests.conftest import Deferred, SetClock
from tests.editions import made
from tests.fakes import FakeChat, FakeProcesses, service, worker

T = TypeVar("T")
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe")
CHANGES = tuple(datetime(2026, *day, 12, tzinfo=UTC) for day in ((3, 8), (3, 29), (4, 4), (10, 3), (10, 25), (11, 1)))
"""Noon of the days on which the clocks of these zones change."""

FLEET = Fleet((service(processes=FakeProcesses((worker(0),))),))


class Killed(BaseException):
    """The process is gone, as by SIGKILL: nothing that comes after it runs."""


@dataclass(slots=True)
class Mortal(FakeChat):
    """A Slack before or behind whose answers the bot is killed, as the dice have it."""

    dice: random.Random = field(default_factory=random.Random)
    kills: int = 0

    async def _mortally(self, call: Callable[[], Awaitable[T]]) -> T:
        await asyncio.sleep(0)
        self._roll()
        answer = await call()
        self._roll()
        return answer

    def _roll(self) -> None:
        if self.dice.random() < 0.25:
            self.kills += 1
            raise Killed

    async def post(self, channel: str, result: Result, *, key: str = "", thread: str = "") -> MessageRef:
        return await self._mortally(lambda: FakeChat.post(self, channel, result, key=key, thread=thread))

    async def copies(self, channel: str, key: str, *, since: datetime, thread: str = "") -> tuple[Copy, ...]:
        return await self._mortally(lambda: FakeChat.copies(self, channel, key, since=since, thread=thread))

    async def picture(self, channel: str, name: str, chart: Chart, *, thread: str = "") -> str:
        return await self._mortally(lambda: FakeChat.picture(self, channel, name, chart, thread=thread))


async def test_a_year_of_wakes_claims_each_slot_once_over_all_changes_of_the_clocks(
    store: Postgres, deferred: Deferred, clock: SetClock
) -> None:
    plans = tuple(
        Schedule(zone.partition("/")[2].lower(), "C0OPS", "gateway", "15,45 1,2 * * *", zone) for zone in ZONES
    )
    replicas = [made(Schedules(plans), store, FLEET, FakeChat(), clock) for _ in range(2)]
    clock.at = datetime(2026, 1, 1, 12, tzinfo=UTC)
    end = clock.at.replace(year=2027)
    first = {plan.name: plan.slot_at(clock.at) for plan in plans}
    wakes = random.Random(1)  # noqa: S311 - a test repeats
    while clock.at < end:
        await wakes.choice(replicas).tick(clock.at)
        near = any(abs(change - clock.at) < timedelta(hours=26) for change in CHANGES)
        clock.advance(timedelta(minutes=wakes.randint(20, 170) if near else wakes.randint(8 * 60, 25 * 60)))
    await replicas[0].tick(end)

    for plan in plans:
        async with store.transaction() as tx:
            claimed = [slot.slot for slot in reversed(await tx.slots.recent(plan.name, limit=2000))][1:]
        assert claimed == [slot for slot, _ in plan.slots(after=first[plan.name], until=end)]
        assert len(claimed) == 4 * 365
    assert set(Counter(f"{job.args['schedule']} {job.args['slot']}" for job in deferred.jobs).values()) == {1}


@settings(deadline=None, max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**9))
async def test_replicas_that_are_killed_anywhere_post_each_slot_once(
    seed: int, store: Postgres, deferred: Deferred, clock: SetClock
) -> None:
    dice = random.Random(seed)  # noqa: S311 - a test repeats
    chat = Mortal(dice=dice)
    plan = Schedule(f"hourly-{seed}-{dice.random()}", "C0OPS", "gateway", "hourly", "Europe/Berlin")
    clock.at = datetime(2026, 10, 24, 20, tzinfo=UTC)  # the night in which the clocks go back
    deferred.jobs.clear()
    replicas = [made(plan, store, FLEET, chat, clock) for _ in range(2)]
    for _ in range(10):
        await asyncio.gather(*(replica.tick(clock.at) for replica in replicas))
        for job in list(deferred.jobs):
            while True:  # the queue gives the job of a dead replica to the other one, and now and then too early
                runs = [dice.choice(replicas).post(plan.name, str(job.args["slot"]))]
                if dice.random() < 0.1:
                    runs.append(dice.choice(replicas).post(plan.name, str(job.args["slot"])))
                if not any([isinstance(await _outcome(run), Killed) for run in runs]):
                    break
        deferred.jobs.clear()
        clock.advance(timedelta(minutes=dice.choice((20, 60, 60, 90))))

    posts = Counter(posted.key for posted in chat.messages.values())
    async with store.transaction() as tx:
        states = {slot.slot: slot.state for slot in await tx.slots.recent(plan.name, limit=100)}
    assert posts
    assert set(posts.values()) == {1}
    posted = {f"digest:{plan.name}:{slot}" for slot, state in states.items() if state == POSTED}
    assert set(posts) == posted | {f"{key}:document" for key in posted}


async def _outcome(run: Awaitable[None]) -> Killed | None:
    try:
        await run
    except Killed as killed:
        return killed
    return None
