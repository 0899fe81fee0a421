"""Jobs on procrastinate: put on the queue in the caller's transaction, ended only by the worker that has them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

import structlog
from procrastinate import App, PsycopgConnector, RetryStrategy
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager
from procrastinate.tasks import configure_task
from psycopg import AsyncConnection
from pydantic import JsonValue

from bot.core.errors import OpsbotError
from bot.operations.runner import HandedBack

Handler = Callable[..., Awaitable[None]]
"""What a job does; it gets the job's arguments by name, and may be called again for the same job."""

# Without `retry` a job that a stopping worker hands back stays aborted for ever. The first retry comes at once.
_RETRY = RetryStrategy(max_attempts=20, linear_wait=1)

log = structlog.get_logger(__name__)


async def defer(connection: AsyncConnection[Any], task: str, lock: str | None, args: Mapping[str, JsonValue]) -> None:
    """Queue a job inside the transaction that `connection` is in; jobs of one lock run one at a time, in order."""
    manager = JobManager(PsycopgConnector())
    # A queue of its own for each task lets a process leave alone what it cannot do.
    job = configure_task(name=task, queue=task, job_manager=manager, lock=lock, connection=connection)
    await job.defer_async(**args)


def make_app(handlers: Mapping[str, Handler]) -> App:
    """The procrastinate app that runs `handlers` by task name; it is opened with a pool."""
    app = App(connector=PsycopgConnector())
    app.job_manager = HeldJobs(app.connector)
    for name, handler in handlers.items():
        app.task(name=name, retry=_RETRY)(_reporting(name, handler))
    return app


class HeldJobs(JobManager):
    """Ends and retries a job only for the worker that holds it.

    procrastinate lets a worker that was paused, and has lost its job to another one, end the job all the same: the lock
    would be free while the other one is at work, and nobody would take the job over from it any more.
    """

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:  # noqa: FBT001 - procrastinate's own signature
        """Set a job to its final state, unless another worker has it."""
        await self.connector.execute_query_async(
            """select procrastinate_finish_job_v1(held.id, %(status)s, %(delete)s) from (
                   select id from procrastinate_jobs
                   where id = %(id)s and status = 'doing' and worker_id is not distinct from %(worker)s for update
               ) as held""",
            id=job.id,
            worker=job.worker_id,
            status=status.value,
            delete=delete_job,
        )

    async def retry_job(
        self,
        job: Job,
        retry_at: datetime | None = None,
        priority: int | None = None,
        queue: str | None = None,
        lock: str | None = None,
    ) -> None:
        """Put a job back on the queue, unless another worker has it."""
        await self.connector.execute_query_async(
            """select procrastinate_retry_job_v2(
                   held.id, coalesce(%(retry_at)s, now()), %(priority)s, %(queue)s, %(lock)s)
               from (
                   select id from procrastinate_jobs
                   where id = %(id)s and status = 'doing' and worker_id is not distinct from %(worker)s for update
               ) as held""",
            id=job.id,
            worker=job.worker_id,
            retry_at=retry_at,
            priority=priority,
            queue=queue,
            lock=lock,
        )


def _reporting(name: str, handler: Handler) -> Handler:
    """The handler, with what goes wrong in it written to the log before the queue tries again."""

    async def run(**args: JsonValue) -> None:
        try:
            await handler(**args)
        except HandedBack:
            log.info("job handed back", task=name, **args)
            raise
        except OpsbotError as error:
            log.warning("job failed", task=name, error=str(error), hint=error.hint, **args)
            raise
        except Exception:
            log.exception("job failed", task=name, reference=uuid4().hex[:8], **args)
            raise

    return run
