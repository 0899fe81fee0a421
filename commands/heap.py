"""Look into the memory of a worker."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from bot.core.command import Command, Context, ReasonedArgs
from bot.core.errors import Conflict, NotFound
from bot.core.heap import HeapSnapshots, Room
from bot.core.people import Role
from bot.core.plan import Action, Area, Attempt, Json, Observation, Plan, Risk, Step, Verdict
from bot.core.ports import Processes, Worker
from bot.core.processes import Supervisor
from bot.core.prose import Bold, Line
from bot.core.results import Field as Shown
from bot.core.sizes import format_size
from bot.operations.workers import online

_STILL = timedelta(seconds=0.5)
"""How long a finished file must stay as it is."""

_TIMES = 2
"""A snapshot takes up to so many times the worker's memory, on the disk and in memory while it is made."""


class Which(ReasonedArgs):
    """Which worker and why."""

    worker: int | None = Field(None, ge=0, description="Id of the worker; the one with the most memory if not said.")


class Asked(BaseModel):
    """The very process that is asked: its worker may be another one by then."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    worker: int
    pid: int
    started: str


async def plan(
    _ctx: Context, args: Which, *, processes: Processes, supervisor: Supervisor, heap: HeapSnapshots
) -> Plan:
    """Have a worker write a snapshot of its heap to a file on the host, which is never sent anywhere.

    The worker stands still meanwhile, and the file holds whatever it had in memory: customers' data and secrets.
    """
    workers, declared = await asyncio.gather(processes.workers(), supervisor.declared())
    worker = _pick(online(workers), args.worker)
    room, process = await asyncio.gather(heap.room(), heap.standing(worker.pid))
    if not process.is_ready:
        raise Conflict(
            f"Worker {worker.id} (pid {worker.pid}) was not started for it: the signal would end it.",
            hint=f"Start the workers with --heapsnapshot-signal=SIGUSR2 --diagnostic-dir={heap.folder} (node_args).",
        )
    _make_sure_of(room, heap.folder, memory=process.memory)
    limit = declared.memory_limit if declared else None
    return Plan(
        title=f"Take a heap snapshot of worker {worker.id}",
        area=Area.PROCESSES,
        changes=(
            Shown("Worker", f"{worker.id}, pid {worker.pid}, {format_size(process.memory)}, one of {len(workers)}"),
            Shown("File", f"a new one in {heap.folder}, for its owner alone; {format_size(room.disk)} are free there"),
        ),
        actions=(
            Action(
                SNAPSHOT.name,
                f"Have worker {worker.id} write its heap",
                _asked(worker).model_dump(),
                heap.ask_argv(worker.pid),
            ),
        ),
        preconditions={f"worker {worker.id}": f"pid {worker.pid}"},
        warnings=_warnings(workers, worker, limit, memory=process.memory),
        risk=Risk.RISKY,
    )


async def remember_files(params: Asked, *, heap: HeapSnapshots) -> Json:
    """The files that are there before."""
    return {"files": [file.path for file in await heap.of(params.pid)]}


async def ask(attempt: Attempt[Asked], *, processes: Processes, heap: HeapSnapshots) -> str:
    """Signal this very process, if it still is the one and catches the signal."""
    wanted = attempt.params
    there = {worker.id: worker for worker in online(await processes.workers())}.get(wanted.worker)
    if there is None or _asked(there) != wanted or not (await heap.standing(wanted.pid)).is_ready:
        raise Conflict(f"Worker {wanted.worker} is another process by now. Nothing was sent.")
    return await heap.ask(wanted.pid)


async def see(attempt: Attempt[Asked], *, processes: Processes, heap: HeapSnapshots) -> Observation:
    """A new file that has its end and grows no more; and how the worker took it."""
    before = attempt.before.get("files")
    known = before if isinstance(before, list) else []
    found = [file for file in await heap.of(attempt.params.pid) if file.path not in known]
    if not found:
        return Observation(Verdict.NOT_DONE, f"There is no new file in {heap.folder}.")
    file = found[-1]
    await asyncio.sleep(_STILL.total_seconds())
    if not file.complete or file not in await heap.of(attempt.params.pid):
        return Observation(Verdict.NOT_DONE, f"{file.path} is not complete: {format_size(file.size)} so far.")
    now = {worker.id: worker for worker in online(await processes.workers())}.get(attempt.params.worker)
    survived = "is online still" if now and _asked(now) == attempt.params else "was replaced meanwhile"
    return Observation(
        Verdict.DONE,
        f"{file.path}, {format_size(file.size)}, mode {file.mode:04o}, complete. "
        f"Worker {attempt.params.worker} {survived}. "
        "It holds customers' data and secrets: delete it when you have read it.",
    )


def _pick(up: Sequence[Worker], wanted: int | None) -> Worker:
    if not up:
        raise NotFound("No worker is online.", hint="processes shows them.")
    if wanted is None:
        found = max(up, key=lambda worker: worker.memory or 0)
    elif not (named := [worker for worker in up if worker.id == wanted]):
        ids = ", ".join(str(worker.id) for worker in up)
        raise NotFound(f"There is no worker {wanted} online.", hint=f"There are: {ids}.")
    else:
        [found] = named
    if found.hostname:
        raise Conflict(f"Worker {found.id} runs in a container, where the file would be out of my sight.")
    return found


def _make_sure_of(room: Room, folder: str, *, memory: int) -> None:
    """Raise `Conflict` when a snapshot would fill the disk or the memory, or be open to others."""
    need = _TIMES * memory
    if room.mode & 0o077:
        raise Conflict(
            f"{folder} is open to others (mode {room.mode:04o}).", hint=f"chmod 700 {folder}, and try again."
        )
    if room.disk < need:
        raise Conflict(f"{folder} has {format_size(room.disk)} free, and a snapshot may take {format_size(need)}.")
    if room.memory < need:
        raise Conflict(
            f"The host has {format_size(room.memory)} of memory left, and a snapshot may take {format_size(need)}."
        )


def _warnings(workers: Sequence[Worker], worker: Worker, limit: int | None, *, memory: int) -> tuple[Line, ...]:
    others = len(online(workers)) - 1
    found: list[Line] = [
        (Bold(f"Worker {worker.id} stands still while it writes: "), "about a second for every 10 MB, and more."),
        (Bold("The file holds customers' data and secrets. "), "It stays on the host and is never sent."),
    ]
    if not others:
        found.append((Bold("No other worker is online: "), "nobody is served meanwhile."))
    if limit and _TIMES * memory > limit:
        found.append(f"It may go above {format_size(limit)} meanwhile, at which PM2 replaces it (max_memory_restart).")
    return tuple(found)


def _asked(worker: Worker) -> Asked:
    return Asked(worker=worker.id, pid=worker.pid, started=str(worker.started_at or ""))


SNAPSHOT = Step(
    "heap.snapshot",
    Asked,
    observe=see,
    do=ask,
    before=remember_files,
    settle=timedelta(minutes=3),
    repeatable=False,  # a second one would have the worker stand still again
)

COMMANDS = (
    Command(
        ("heap-snapshot",),
        Which,
        plan=plan,
        role=Role.RESPONDER,
        risk=Risk.RISKY,
        rows=("Q",),
        steps=(SNAPSHOT,),
        examples=("0 memory grows",),
    ),
)
