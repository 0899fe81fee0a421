"""Real replicas that are paused, killed and stopped in the middle of a step."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from bot.core.clock import now
from bot.core.command import Context
from bot.core.people import Actor, Role
from bot.core.records import Operation, StepRow
from bot.core.results import OperationState, StepState
from bot.jobs.queue import defer
from bot.store.embedded import EmbeddedPostgres
from bot.store.migrate import migrate
from bot.store.postgres import Postgres
from tests.fakes import FakeChat
from tests.operations.replica import APPEND, AUDIT_KEY, Append, Book, make_engine
from tests.waiting import until

ANA = Actor("U0ANA", "Ana", Role.RESPONDER)
ROOT = Path(__file__).parents[2]


class Desk:
    """Where replicas are started, and where what they do is seen."""

    def __init__(self, store: Postgres, conninfo: str, folder: Path, cleanup: ExitStack) -> None:
        self.store = store
        self.book = Book(folder)
        self._conninfo = conninfo
        self._engine = make_engine(store, folder, FakeChat())
        self._cleanup = cleanup
        self._started = 0

    def start(self) -> subprocess.Popen[bytes]:
        """One more replica; its log is in `log-<number>`."""
        self._started += 1
        log = self._cleanup.enter_context((self.book.folder / f"log-{self._started}").open("wb"))
        replica = subprocess.Popen(
            [sys.executable, str(ROOT / "tests/operations/replica.py"), self._conninfo, str(self.book.folder)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        self._cleanup.callback(_end, replica)
        return replica

    def log(self, number: int) -> str:
        """What a replica has said."""
        return (self.book.folder / f"log-{number}").read_text()

    async def accept(self, words: str, *, takes: float, step: str = "patient") -> str:
        """Ask for a change and confirm it."""
        ctx = Context(ANA, "C0OPS", now())
        await self._engine.propose(APPEND, Append(words=words, takes=takes, step=step), ctx)
        async with self.store.transaction() as tx:
            [operation] = await tx.operations.recent(limit=1)
        await self._engine.approval.confirm(ctx, operation.id)
        return operation.id

    async def get(self, operation_id: str) -> tuple[Operation, tuple[StepRow, ...]]:
        """The operation and its steps as they stand."""
        async with self.store.transaction() as tx:
            return await tx.operations.get(operation_id), await tx.operations.steps(operation_id)

    async def is_at(self, operation_id: str, state: StepState) -> bool:
        """Whether the last step that began is in that state."""
        steps = (await self.get(operation_id))[1]
        return bool(steps) and steps[-1].state is state

    async def begun(self, word: str) -> None:
        """Wait until the child that writes `word` is at work."""
        await until(lambda: f"begin {word}" in self.book.lines())

    async def ended(self, operation_id: str, *, within: float = 30) -> OperationState:
        """Wait for the end of the operation."""

        async def is_final() -> bool:
            return (await self.get(operation_id))[0].state.is_final

        await until(is_final, within=within)
        return (await self.get(operation_id))[0].state


def _end(replica: subprocess.Popen[bytes]) -> None:
    replica.kill()
    replica.wait()


@pytest.fixture
def cleanup() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
async def desk(database: str, tmp_path: Path, cleanup: ExitStack) -> AsyncIterator[Desk]:
    async with Postgres.open(database, defer=defer, audit_key=AUDIT_KEY) as store:
        yield Desk(store, database, tmp_path, cleanup)
        cleanup.close()


async def test_a_replica_that_was_paused_in_a_step_is_fenced_when_it_wakes_and_the_effect_came_once(desk: Desk) -> None:
    paused = desk.start()
    operation_id = await desk.accept("one,two", takes=4)
    await desk.begun("one")
    desk.start()

    paused.send_signal(signal.SIGSTOP)
    await asyncio.sleep(7)
    paused.send_signal(signal.SIGCONT)

    assert await desk.ended(operation_id) is OperationState.DONE
    await until(lambda: "fenced" in desk.log(1))
    assert desk.book.lines() == ["begin one", "one", "begin two", "two"]
    next_id = await desk.accept("three", takes=0)
    assert await desk.ended(next_id) is OperationState.DONE


async def test_a_replica_that_was_paused_before_it_began_does_not_begin_when_it_wakes(desk: Desk) -> None:
    held = os.open(desk.book.lock, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(held, fcntl.LOCK_EX)
    paused = desk.start()
    operation_id = await desk.accept("one", takes=0, step="hasty")
    await until(lambda: desk.is_at(operation_id, StepState.RUNNING))

    paused.send_signal(signal.SIGSTOP)
    os.close(held)
    desk.start()
    state = await desk.ended(operation_id)
    desk.book.effects.unlink()  # as if somebody had put it back: only the fence tells that it must not be done again
    paused.send_signal(signal.SIGCONT)
    await until(lambda: "fenced" in desk.log(1))

    assert state is OperationState.DONE
    assert desk.book.lines() == []


async def test_the_successor_of_a_killed_replica_waits_for_the_child_that_lives_on(desk: Desk) -> None:
    killed = desk.start()
    operation_id = await desk.accept("one", takes=8, step="hasty")
    await desk.begun("one")
    desk.start()

    killed.kill()

    assert await desk.ended(operation_id) is OperationState.DONE
    assert desk.book.lines() == ["begin one", "one", "begin one", "one"]
    assert (await desk.get(operation_id))[0].epoch == 2


async def test_what_the_child_of_a_killed_replica_brought_about_is_not_done_again(desk: Desk) -> None:
    killed = desk.start()
    operation_id = await desk.accept("one,two", takes=6)
    await desk.begun("one")
    desk.start()

    killed.kill()

    assert await desk.ended(operation_id) is OperationState.DONE
    assert desk.book.lines() == ["begin one", "one", "begin two", "two"]


async def test_a_replica_that_is_told_to_stop_ends_its_step_and_the_next_start_finishes(desk: Desk) -> None:
    stopped = desk.start()
    operation_id = await desk.accept("one,two", takes=2)
    await desk.begun("one")

    stopped.terminate()
    await asyncio.to_thread(stopped.wait, 10)

    operation, steps = await desk.get(operation_id)
    assert operation.state is OperationState.RUNNING
    assert [row.state for row in steps] == [StepState.DONE]
    desk.start()
    assert await desk.ended(operation_id, within=10) is OperationState.DONE
    assert desk.book.lines() == ["begin one", "one", "begin two", "two"]


async def test_a_stopping_replica_ends_its_step_in_peace_and_another_one_goes_on(desk: Desk) -> None:
    stopped = desk.start()
    operation_id = await desk.accept("one,two", takes=6)
    await desk.begun("one")
    desk.start()

    stopped.terminate()
    await asyncio.to_thread(stopped.wait, 10)

    assert "fenced" not in desk.log(1)
    assert await desk.ended(operation_id) is OperationState.DONE
    assert (await desk.get(operation_id))[0].epoch == 2
    assert desk.book.lines() == ["begin one", "one", "begin two", "two"]


async def test_a_step_that_outlasts_the_stop_is_left_to_its_child_and_picked_up(desk: Desk) -> None:
    stopped = desk.start()
    operation_id = await desk.accept("one", takes=11)
    await desk.begun("one")

    stopped.terminate()
    await asyncio.to_thread(stopped.wait, 10)
    desk.start()

    assert await desk.ended(operation_id, within=40) is OperationState.DONE
    assert desk.book.lines() == ["begin one", "one"]


async def test_operations_go_on_within_five_seconds_of_the_return_of_postgres(
    tmp_path: Path, cleanup: ExitStack
) -> None:
    # Not in pytest's folder: that is closed to the account that the server has when the tests run as root.
    cluster = EmbeddedPostgres(Path(cleanup.enter_context(TemporaryDirectory())), stop_always=True)
    conninfo = await asyncio.to_thread(cluster.start)
    cleanup.callback(cluster.stop)
    await asyncio.to_thread(migrate, conninfo)
    async with Postgres.open(conninfo, defer=defer, audit_key=AUDIT_KEY) as store:
        desk = Desk(store, conninfo, tmp_path, cleanup)
        desk.start()
        running = await desk.accept("one", takes=3)
        waiting = await desk.accept("two", takes=0)
        await desk.begun("one")

        await asyncio.to_thread(cluster.stop)
        await asyncio.sleep(6)
        await asyncio.to_thread(cluster.start)

        async with asyncio.timeout(5):
            new = await desk.accept("three", takes=0)
            states = [await desk.ended(operation_id) for operation_id in (running, waiting, new)]
        assert states == [OperationState.DONE] * 3
        assert desk.book.lines() == ["begin one", "one", "begin two", "two", "begin three", "three"]
        cleanup.close()
