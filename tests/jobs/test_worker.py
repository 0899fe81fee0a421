"""The worker under supervision, on a real queue."""

from __future__ import annotations

import asyncio
from collections import UserDict
from collections.abc import AsyncIterator, ItemsView, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import psycopg
import pytest
from structlog.testing import capture_logs

from bot.core.errors import IntegrationError
from bot.jobs.queue import Handler, defer
from bot.jobs.worker import BUDGET, Worker
from bot.operations.runner import HandedBack
from tests.waiting import until

Connection = psycopg.AsyncConnection[tuple[object, ...]]


@pytest.fixture
async def connection(database: str) -> AsyncIterator[Connection]:
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:
        yield connection


@asynccontextmanager
async def working(
    database: str, handlers: Mapping[str, Handler], *, budget: timedelta = BUDGET
) -> AsyncIterator[Worker]:
    worker = Worker(database, handlers, budget=budget)
    worker.start()
    try:
        yield worker
    finally:
        await worker.stop()


async def jobs(connection: Connection) -> list[tuple[object, ...]]:
    """What is on the queue: task and status."""
    found = await connection.execute("select task_name, status::text from procrastinate_jobs order by id")
    return await found.fetchall()


async def test_a_job_gets_its_arguments_and_is_forgotten_when_it_is_done(database: str, connection: Connection) -> None:
    got = []

    async def note(word: str) -> None:
        got.append(word)

    async with working(database, {"note": note}) as worker:
        await defer(connection, "note", None, {"word": "hello"})
        await until(lambda: got == ["hello"])
        await until(lambda: worker.ready)
    assert await jobs(connection) == []
    assert not worker.ready


async def test_jobs_of_one_lock_run_one_at_a_time_in_order_and_others_beside_them(
    database: str, connection: Connection
) -> None:
    said = []
    go = asyncio.Event()

    async def note(word: str) -> None:
        said.append(f"begin {word}")
        if word == "one":
            await go.wait()
        said.append(f"end {word}")

    async with working(database, {"note": note}):
        await defer(connection, "note", "web-1:processes", {"word": "one"})
        await defer(connection, "note", "web-1:processes", {"word": "two"})
        await defer(connection, "note", "web-1:firewall", {"word": "beside"})
        await until(lambda: "end beside" in said)
        assert "begin two" not in said
        go.set()
        await until(lambda: "end two" in said)

    assert said.index("end one") < said.index("begin two")


async def test_a_fault_is_logged_with_a_reference_and_the_job_tried_again(
    database: str, connection: Connection
) -> None:
    faults: list[Exception] = [KeyError("a bug"), IntegrationError("Slack is away.", hint="ratelimited"), HandedBack()]
    done = asyncio.Event()

    async def fail(word: str) -> None:
        assert word == "hello"
        if faults:
            raise faults.pop(0)
        done.set()

    with capture_logs() as logs:
        async with working(database, {"fail": fail}):
            await defer(connection, "fail", None, {"word": "hello"})
            await until(done.is_set)

    bug, refusal, handed_back = (entry for entry in logs if entry.get("task") == "fail")
    assert (bug["log_level"], bug["exc_info"], len(bug["reference"])) == ("error", True, 8)
    assert (refusal["log_level"], refusal["error"], refusal["word"]) == ("warning", "Slack is away.", "hello")
    assert (handed_back["log_level"], handed_back["event"]) == ("info", "job handed back")


async def test_what_is_still_running_at_the_stop_goes_back_to_the_queue(database: str, connection: Connection) -> None:
    begun = asyncio.Event()

    async def hang() -> None:
        begun.set()
        await asyncio.Event().wait()

    async with working(database, {"hang": hang}, budget=timedelta(seconds=0.2)):
        await defer(connection, "hang", "lock", {})
        await until(begun.is_set)

    assert await jobs(connection) == [("hang", "todo")]


async def test_the_jobs_of_a_worker_that_is_gone_are_taken_over(database: str, connection: Connection) -> None:
    got = []

    async def note(word: str) -> None:
        got.append(word)

    await connection.execute(
        """with dead as (
               insert into procrastinate_workers (last_heartbeat) values (now() - interval '4 seconds') returning id)
           insert into procrastinate_jobs (queue_name, task_name, args, status, lock, worker_id)
           select 'note', 'note', '{"word": "orphan"}', 'doing', 'lock', id from dead"""
    )

    async with working(database, {"note": note}):
        await until(lambda: got == ["orphan"], within=8)


async def test_a_worker_ends_no_job_that_another_one_has_by_now(database: str, connection: Connection) -> None:
    begun, go, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        begun.set()
        await go.wait()
        ended.set()

    async with working(database, {"wait": wait}):
        await defer(connection, "wait", "lock", {})
        await until(begun.is_set)
        # Another worker took the job over while this one was paused.
        await connection.execute(
            """with other as (
                   insert into procrastinate_workers (last_heartbeat) values (now() + interval '1 hour') returning id)
               update procrastinate_jobs set worker_id = other.id from other"""
        )
        go.set()
        await until(ended.is_set)

    assert await jobs(connection) == [("wait", "doing")]


async def test_a_worker_that_lost_its_place_is_started_again(database: str, connection: Connection) -> None:
    got = []

    async def note(word: str) -> None:
        got.append(word)

    async with working(database, {"note": note}) as worker:
        await until(lambda: worker.ready)
        await connection.execute("delete from procrastinate_workers")
        await until(lambda: not worker.ready)
        await until(lambda: worker.ready)
        await defer(connection, "note", None, {"word": "still here"})
        await until(lambda: got == ["still here"])


async def test_a_worker_whose_heart_does_not_beat_is_started_again(database: str, connection: Connection) -> None:
    await connection.execute(
        """create function stop_the_heart() returns trigger language plpgsql as $$
               begin new.last_heartbeat = now() - interval '20 seconds'; return new; end $$;
           create trigger stop_the_heart before update on procrastinate_workers
               for each row execute function stop_the_heart()"""
    )
    seen: set[object] = set()

    async def is_second() -> bool:
        found = await connection.execute("select id from procrastinate_workers")
        seen.update(row[0] for row in await found.fetchall())
        return len(seen) > 1

    async with working(database, {}):
        await until(is_second)


async def test_a_worker_comes_back_whatever_ended_it(database: str, connection: Connection) -> None:
    class Once(UserDict[str, Handler]):
        """Handlers that cannot be read the first time."""

        def items(self) -> ItemsView[str, Handler]:
            if not faults:
                return super().items()
            raise faults.pop()

    faults = [RuntimeError("a bug")]
    got = []

    async def note(word: str) -> None:
        got.append(word)

    with capture_logs() as logs:
        async with working(database, Once(note=note)):
            await defer(connection, "note", None, {"word": "still here"})
            await until(lambda: got == ["still here"])

    assert logs[0]["event"] == "worker ended"


async def test_a_job_that_will_not_end_does_not_hold_up_the_stop(database: str, connection: Connection) -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def refuse_to_end() -> None:
        begun.set()
        while not go.is_set():
            with suppress(asyncio.CancelledError):
                await go.wait()

    with capture_logs() as logs:
        async with asyncio.timeout(10), working(database, {"stay": refuse_to_end}, budget=timedelta(seconds=0.1)):
            await defer(connection, "stay", None, {})
            await until(begun.is_set)

    assert "worker hangs and is left behind" in [entry["event"] for entry in logs]
    go.set()


async def test_a_worker_that_was_never_started_can_be_stopped(database: str) -> None:
    await Worker(database, {}).stop()


async def test_jobs_that_failed_long_ago_are_forgotten(database: str, connection: Connection) -> None:
    await connection.execute(
        """with old as (
               insert into procrastinate_jobs (queue_name, task_name, status) values
                   ('default', 'old', 'failed'), ('default', 'new', 'failed') returning id, task_name)
           insert into procrastinate_events (job_id, type, at)
           select id, 'failed', now() - case task_name when 'old' then interval '8 days' else interval '6 days' end
           from old"""
    )

    async def is_pruned() -> bool:
        return await jobs(connection) == [("new", "failed")]

    async with working(database, {}):
        await until(is_pruned)
