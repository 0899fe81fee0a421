"""Effects on how many workers there are: the count, and those that gave up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from pydantic import BaseModel, ConfigDict

from bot.core.plan import Action, Attempt, Observation, Step, Verdict
from bot.core.ports import Gateway, Processes, Worker
from bot.core.processes import Supervisor, Verb
from bot.operations.effects import see_steady


class Count(BaseModel):
    """How many workers are to run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    count: int


class One(BaseModel):
    """One worker, by its id in the process manager."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: int


def scale_action(supervisor: Supervisor, count: int) -> Action:
    """What makes it `count` workers."""
    return Action(SCALE.name, f"Scale to {count} workers", {"count": count}, supervisor.change_argv(Verb.SCALE, count))


def remove_actions(supervisor: Supervisor, workers: Sequence[Worker]) -> tuple[Action, ...]:
    """What takes these out of the process manager's list."""
    return tuple(
        Action(
            REMOVE.name,
            f"Take away worker {worker.id}, which is {worker.status}",
            {"id": worker.id},
            supervisor.change_argv(Verb.REMOVE, worker.id),
        )
        for worker in workers
    )


async def change_count(attempt: Attempt[Count], *, supervisor: Supervisor) -> str:
    """Have the process manager start or end some."""
    return await supervisor.change(Verb.SCALE, attempt.params.count)


async def see_count(attempt: Attempt[Count], *, processes: Processes, gateway: Gateway) -> Observation:
    """So many run, steadily, and each answers health."""
    await processes.wait_idle()
    found = len(await processes.workers())
    if found != attempt.params.count:
        return Observation(Verdict.NOT_DONE, f"{found} workers are there.")
    return await see_steady(processes, gateway)


async def remove_worker(attempt: Attempt[One], *, supervisor: Supervisor) -> str:
    """Take one out of the list."""
    return await supervisor.change(Verb.REMOVE, attempt.params.id)


async def see_removed(attempt: Attempt[One], *, processes: Processes) -> Observation:
    """It is not listed any more."""
    await processes.wait_idle()
    ids = [worker.id for worker in await processes.workers()]
    verdict = Verdict.NOT_DONE if attempt.params.id in ids else Verdict.DONE
    return Observation(verdict, f"There are the workers {', '.join(map(str, ids)) or 'none'}.")


SCALE = Step("processes.scale", Count, observe=see_count, do=change_count, settle=timedelta(seconds=10))
REMOVE = Step("processes.remove", One, observe=see_removed, do=remove_worker)
