"""The worker under supervision: started again whenever it ends or hangs while nobody asked it to."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta

import psycopg
import structlog
from procrastinate import App
from procrastinate.exceptions import ConnectorException
from procrastinate.worker import Worker as QueueWorker
from psycopg_pool import AsyncConnectionPool

from bot.jobs.queue import Handler, make_app

HEARTBEAT = timedelta(seconds=1)
STALLED_AFTER = timedelta(seconds=3)
"""A worker whose heart has not beaten for so long loses its jobs to the others."""

HANGS_AFTER = timedelta(seconds=15)
"""When a worker whose heart does not beat, although its process lives, is given up."""

POLL = timedelta(seconds=0.5)
"""How often a free worker looks for a job whose lock has become free: only new jobs are announced."""

BUDGET = timedelta(seconds=8)
"""What running jobs have at a stop; what is left then is handed back."""

FIRST_BACKOFF, LONGEST_BACKOFF = 0.2, 1.5
"""Seconds before a worker that ended is started again, doubled each time up to the longest."""

KEEP_FAILED = timedelta(days=7)
PRUNE_EVERY = timedelta(hours=1)

log = structlog.get_logger(__name__)


class Worker:
    """Runs jobs until it is stopped; any number of them, in any number of processes, share one queue.

    `handlers` are called by task name; other tasks are left alone. Up to `concurrency` jobs run at a time.
    """

    def __init__(
        self, conninfo: str, handlers: Mapping[str, Handler], *, concurrency: int = 16, budget: timedelta = BUDGET
    ) -> None:
        self._conninfo = conninfo
        self._handlers = handlers
        self._concurrency = concurrency
        self._budget = budget
        self._stopping = asyncio.Event()
        self._alive_at: float | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """True while the queue is served: the heart beats and the database answers."""
        if self._alive_at is None:
            return False
        return asyncio.get_running_loop().time() - self._alive_at < STALLED_AFTER.total_seconds()

    def start(self) -> None:
        """Serve the queue from now on, as soon as the database is there."""
        self._task = asyncio.create_task(self._supervise(), name="worker supervisor")

    async def stop(self) -> None:
        """Take no new job, give running ones their budget, hand back what is left."""
        self._stopping.set()
        if self._task:
            await self._task
            self._task = None

    async def _supervise(self) -> None:
        backoff = FIRST_BACKOFF
        while not self._stopping.is_set():
            try:
                await self._serve()
                backoff = FIRST_BACKOFF
            except (psycopg.Error, ConnectorException, TimeoutError) as error:
                log.warning("worker lost the database", error=str(error))
            except Exception:
                log.exception("worker ended")
            self._alive_at = None
            if not self._stopping.is_set():
                log.warning("worker is started again", after=backoff)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), backoff)
                backoff = min(backoff * 2, LONGEST_BACKOFF)

    async def _serve(self) -> None:
        """Run one worker on connections of its own, until it ends, hangs, or is to stop."""
        # A fresh pool connects at once; one that has seen the server go waits longer and longer between attempts.
        pool = AsyncConnectionPool(
            self._conninfo,
            kwargs={"connect_timeout": 2, "tcp_user_timeout": 5000, "application_name": "opsbot worker"},
            min_size=1,
            max_size=4,  # for the queue's own short statements; jobs use the store's
            timeout=STALLED_AFTER.total_seconds(),
            check=AsyncConnectionPool.check_connection,
            open=False,
        )
        app = make_app(self._handlers)
        try:
            await pool.open(wait=True, timeout=LONGEST_BACKOFF)
            async with app.open_async(pool):
                await self._run(app)
        finally:
            await pool.close()

    async def _run(self, app: App) -> None:
        worker = QueueWorker(
            app=app,
            queues=list(self._handlers),
            concurrency=self._concurrency,
            fetch_job_polling_interval=POLL.total_seconds(),
            shutdown_graceful_timeout=self._budget.total_seconds(),
            delete_jobs="successful",
            install_signal_handlers=False,
            update_heartbeat_interval=HEARTBEAT.total_seconds(),
            stalled_worker_timeout=STALLED_AFTER.total_seconds(),
        )
        running = asyncio.create_task(worker.run(), name="worker")  # type: ignore[no-untyped-call] # procrastinate leaves it untyped
        watching = asyncio.create_task(self._watch(app, worker), name="worker watch")
        stopping = asyncio.create_task(self._stopping.wait(), name="worker stop")
        await asyncio.wait({running, watching, stopping}, return_when=asyncio.FIRST_COMPLETED)
        worker.stop()  # type: ignore[no-untyped-call] # see above
        beating = asyncio.create_task(_beat(app, worker), name="worker heart")
        ended, _ = await asyncio.wait({running}, timeout=self._budget.total_seconds() + STALLED_AFTER.total_seconds())
        if not ended:
            log.error("worker hangs and is left behind")
        for task in (running, watching, stopping, beating):
            task.cancel()
        results = await asyncio.gather(watching, stopping, beating, *ended, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _watch(self, app: App, worker: QueueWorker) -> None:
        """Take over the jobs of dead workers while this one lives; raise when it does not."""
        loop = asyncio.get_running_loop()
        prune_at = loop.time()
        while True:
            await asyncio.sleep(HEARTBEAT.total_seconds())
            if worker.worker_id is None:
                continue
            async with asyncio.timeout(STALLED_AFTER.total_seconds()):
                heart = await app.connector.execute_query_one_async(
                    "select now() - last_heartbeat as age from procrastinate_workers where id = %(id)s",
                    id=worker.worker_id,
                )
                if heart["age"] > HANGS_AFTER:
                    raise TimeoutError("the worker's heart does not beat")
                await self._take_over(app, worker)
                if loop.time() >= prune_at:
                    await _prune(app)
                    prune_at = loop.time() + PRUNE_EVERY.total_seconds()
            self._alive_at = loop.time()

    async def _take_over(self, app: App, worker: QueueWorker) -> None:
        """Put the jobs of dead workers back on the queue; ours is not dead, however late its heart beats."""
        for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_AFTER.total_seconds()):
            if job.worker_id != worker.worker_id:
                log.warning("job of a dead worker taken over", task=job.task_name, **job.task_kwargs)
                await app.job_manager.retry_job(job)


async def _beat(app: App, worker: QueueWorker) -> None:
    """Keep a stopping worker's heart beating: its own stops first, and others would take what it still ends."""
    while worker.worker_id is not None:
        await app.job_manager.update_heartbeat(worker.worker_id)
        await asyncio.sleep(HEARTBEAT.total_seconds())


async def _prune(app: App) -> None:
    """Forget jobs that failed long ago; those that succeeded are gone already."""
    await app.job_manager.delete_old_jobs(
        nb_hours=int(KEEP_FAILED / timedelta(hours=1)),
        include_failed=True,
        include_cancelled=True,
        include_aborted=True,
    )
