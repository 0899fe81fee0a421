"""The watch over what is received: whatever may have been missed is read, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from bot.slack.receiving import LONGEST, MARGIN, Watch
from tests.fixtures_slack import Refuse, until
from tests.slack.scene import Scene
from tests.waiting import until as eventually


@dataclass(slots=True)
class Line:
    """A connection as the watch sees it."""

    up: bool = True
    breaks: int = 0


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def watch(scene: Scene, line: Line) -> Callable[[], Watch]:
    """Makes one a replica; an hour has passed since the incident was declared, and all of that was read."""
    return lambda: Watch(scene.store, clock=scene.clock, connected=lambda: line.up, interruptions=lambda: line.breaks)


@pytest.fixture(autouse=True)
async def an_hour_later(scene: Scene) -> None:
    await scene.spans()
    scene.clock.advance(timedelta(hours=1))


async def test_a_replica_that_hears_everything_reads_nothing(scene: Scene, watch: Callable[[], Watch]) -> None:
    only = watch()
    for _ in range(5):
        await only.look()
        scene.clock.advance(timedelta(seconds=5))

    assert await scene.spans() == []


@pytest.mark.parametrize("what", ["connection", "event", "pause", "restart"])
async def test_whatever_kept_it_from_hearing_the_span_is_read(
    scene: Scene, watch: Callable[[], Watch], line: Line, what: str
) -> None:
    only = watch()
    await only.look()
    heard = scene.clock()
    line.breaks += what in {"connection", "event"}
    line.up = what != "connection"
    scene.clock.advance(LONGEST + timedelta(seconds=1) if what == "pause" else timedelta(minutes=2))
    only = watch() if what == "restart" else only
    await only.look()
    line.up = True
    await only.look()

    assert await scene.spans() == [(heard - MARGIN, scene.clock())]


async def test_spans_that_were_not_read_yet_are_read_as_one(scene: Scene, watch: Callable[[], Watch]) -> None:
    await watch().look()
    heard = scene.clock()
    for _ in range(3):
        scene.clock.advance(timedelta(minutes=2))
        await watch().look()

    assert await scene.spans() == [(heard - MARGIN, scene.clock())]


async def test_what_another_replica_heard_meanwhile_is_not_read_again(scene: Scene, watch: Callable[[], Watch]) -> None:
    one, other = watch(), watch()
    await one.look()
    await other.look()
    await scene.spans()
    for _ in range(60):
        scene.clock.advance(timedelta(seconds=5))
        await other.look()
    await one.look()  # it was paused for five minutes

    assert await scene.spans() == [(scene.clock() - MARGIN, scene.clock())]


async def test_channels_of_incidents_that_are_over_for_long_are_left_alone(
    scene: Scene, watch: Callable[[], Watch]
) -> None:
    await watch().look()
    async with scene.store.transaction() as tx:
        open_one = await tx.incidents.get(1)
        await tx.incidents.save(replace(open_one, state="resolved", resolved_at=scene.clock(), resolved_by="U1"))
    scene.clock.advance(timedelta(days=13))
    await watch().look()
    within = len(await scene.spans())
    scene.clock.advance(timedelta(days=2))
    await watch().look()

    assert (within, await scene.spans()) == (1, [])


async def test_a_lost_connection_and_an_event_that_was_not_stored_are_both_seen(scene: Scene, refuse: Refuse) -> None:
    workspace = scene.workspace
    async with (
        scene.bot() as bot,
        bot.link.sockets(bot.door, app_token=workspace.app_token) as sockets,
        bot.link.watching(bot.door, sockets, every=timedelta(days=1)) as watch,
    ):
        await refuse("messages", times=1)
        await scene.say("not lost")
        await workspace.settled()
        await watch.look()
        lost = len(await scene.spans())
        workspace.faults.drop_connections()
        await until(lambda: sockets.interruptions == 1 and sockets.connected > 0)
        await watch.look()
        await watch.look()

    assert (lost, len(await scene.spans())) == (1, 1)


async def test_a_store_that_is_away_for_a_while_stops_nothing(scene: Scene) -> None:
    async with scene.bot() as bot:
        async with scene.store._pool.connection() as connection:
            await connection.execute("alter table receiving rename to elsewhere")
        async with bot.link.watching(bot.door, None, every=timedelta(milliseconds=20)):
            async with scene.store._pool.connection() as connection:
                await connection.execute("alter table elsewhere rename to receiving")

            async def heard() -> bool:
                async with scene.store.transaction() as tx:
                    return await tx.backfills.received_until() == scene.clock()

            await eventually(heard)
