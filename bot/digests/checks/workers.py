"""The checks of the workers: how many there are, what each says of its health, and what the service's script says."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

from bot.core.duration import format_duration
from bot.core.errors import IntegrationError, NotConfigured
from bot.core.parts import State
from bot.core.ports import Gateway, Monitor, Processes, Worker
from bot.core.processes import GIVEN_UP, Supervisor
from bot.core.records import Store
from bot.core.sizes import format_size
from bot.digests.declaration import Declaration, Finding, Limit, Terms, at_most

WORKERS_FAIL = Limit("workers_fail_below", 1, "Workers that must be online.")
LATENCY_WARN = Limit("health_seconds_warn_above", 1, "Seconds that the slowest worker may take to say it is well.")
LATENCY_FAIL = Limit("health_seconds_fail_above", 3, "The same, beyond which customers wait for everything.")
WORKER_MEMORY_WARN = Limit("worker_memory_percent_warn_above", 80, "Percentage of the memory at which it is replaced.")
WORKER_MEMORY_FAIL = Limit("worker_memory_percent_fail_above", 95, "The same, right before the worker is replaced.")
WORKERS_CPU_WARN = Limit("workers_cpu_percent_warn_above", 85, "Percentage of a core that workers take on average.")

NOBODY_UP = ("rollback", "restart")
"""What helps where no worker is online: without one there is nothing to reset."""

ENDLESS = ("errors", "rollback")
"""What helps where a worker is started without end: each start is a restart already, and the log says why it ends."""

LOST = ("reset", "errors")
"""What helps where only some were given up: the others serve meanwhile, and the log says why they ended."""

RESTARTS = "Worker restarts"

_LATELY, _JUST_NOW = timedelta(hours=1), timedelta(seconds=20)

_LOOP, _RELOADS = timedelta(seconds=150), 3
"""More starts in this time than so many reloads of all workers make are no reloads.

Process managers do not always tell by themselves: PM2 counts bad starts in the first `min_uptime * max_restarts` of a
worker only, and starts an older one again for ever.
"""


async def find_workers(terms: Terms, *, processes: Processes) -> Finding:
    """How many workers are online, and what the others are."""
    workers = await processes.workers()
    away = [worker for worker in workers if worker.status != "online"]
    online = len(workers) - len(away)
    well = State.WARN if away else State.OK
    return Finding(
        State.FAIL if online < terms[WORKERS_FAIL] else well,
        f"{online} of {len(workers)} online",
        f"at least {terms[WORKERS_FAIL]:g}",
        ", ".join(f"worker {worker.id} is {worker.status}" for worker in away),
        online,
        then=() if online else NOBODY_UP,
    )


async def find_health(terms: Terms, *, gateway: Gateway, processes: Processes) -> Finding:
    """What each worker answers at the health endpoint."""
    workers = await online_of(processes)
    answers = await gateway.health_by_worker([worker.voice for worker in workers])
    ids = {worker.voice: worker.id for worker in workers}
    silent = [f"worker {worker.id} did not answer" for worker in workers if worker.voice not in answers]
    ill = [f"worker {ids[voice]} answered {health.status}" for voice, health in answers.items() if health.status != 200]  # noqa: PLR2004 - HTTP's OK
    slowest = max((health.latency for health in answers.values()), default=0.0)
    if ill:
        state = State.FAIL
    elif silent:
        state = State.UNKNOWN
    else:
        state = at_most(slowest, terms, warn=LATENCY_WARN, fail=LATENCY_FAIL)
    return Finding(
        state,
        f"{len(answers) - len(ill)} of {len(workers)} workers healthy, slowest {slowest:.2f} s",
        f"at most {terms[LATENCY_WARN]:g} s",
        ", ".join(ill + silent),
        slowest if answers else None,
    )


async def find_restarts(terms: Terms, *, processes: Processes, store: Store) -> Finding:
    """Workers that were started again lately by the process manager, and those that are again and again."""
    workers = await processes.workers()
    if not workers:
        raise IntegrationError("The process manager lists no worker.")
    young = [worker for worker in workers if _started_within(_LATELY, worker, terms)]
    down = [worker for worker in workers if worker.status != "online"]
    words = [f"worker {worker.id} is {worker.status} after {worker.restarts} restarts" for worker in down]
    words += [f"worker {w.id} was started again within the hour, {w.restarts} times ever" for w in young]
    lost = [worker for worker in down if worker.status in GIVEN_UP]
    restarts = sum(worker.restarts for worker in workers)
    value = f"{restarts} ever, {len(lost)} given up" if lost else f"{restarts} ever"
    if again := await starts_without_end(workers, terms, store=store):
        evidence = "; ".join((f"{again}: none of the starts lasts", *words))
        return Finding(State.FAIL, value, evidence=evidence, measure=restarts, then=ENDLESS)
    state = State.FAIL if down else State.WARN if young else State.OK
    then = LOST if lost == down and 0 < len(down) < len(workers) else ()
    return Finding(state, value, evidence="; ".join(words), measure=restarts, then=then)


async def starts_without_end(workers: Sequence[Worker], terms: Terms, *, store: Store) -> str:
    """What the looks of the last minutes say of workers that are started again and again; empty when none is."""
    async with store.transaction() as tx:
        seen = await tx.readings.series(terms.service, RESTARTS, since=terms.now - _LOOP, until=terms.now)
    counts = [*(each.value for each in seen if each.value is not None), sum(worker.restarts for worker in workers)]
    # After a removal of workers there are fewer than before.
    starts = sum(max(after - before, 0) for before, after in pairwise(counts))
    fresh = any(
        _started_within(_JUST_NOW if worker.status == "online" else _LATELY, worker, terms)
        for worker in workers
        if worker.status not in GIVEN_UP
    )
    if not fresh or starts <= _RELOADS * len(workers):
        return ""
    return f"started again {starts:.0f} times within {format_duration(_LOOP)} and not given up"


def _started_within(span: timedelta, worker: Worker, terms: Terms) -> bool:
    return bool(worker.restarts and worker.started_at and terms.now - worker.started_at < span)


async def find_worker_memory(terms: Terms, *, processes: Processes, supervisor: Supervisor) -> Finding:
    """The fattest worker against the limit at which it is replaced."""
    workers, declared = await asyncio.gather(processes.workers(), supervisor.declared())
    told = {worker.id: worker.memory for worker in workers if worker.memory is not None}
    if not told:
        raise IntegrationError("The process manager tells of no worker how much memory it has.")
    most = max(told, key=lambda number: told[number])
    value = f"worker {most} has {format_size(told[most])}, the most of {len(told)}"
    limit = declared.memory_limit if declared else None
    if not limit:
        raise NotConfigured(f"No limit is declared to compare with: {value}.")
    percent = 100 * told[most] / limit
    state = at_most(percent, terms, warn=WORKER_MEMORY_WARN, fail=WORKER_MEMORY_FAIL)
    return Finding(state, value, f"replaced at {format_size(limit)}", measure=percent)


async def find_worker_cpu(terms: Terms, *, processes: Processes) -> Finding:
    """How busy the workers are, each by itself: one takes a core at most."""
    told = [worker.cpu for worker in await online_of(processes)]
    known = [cpu for cpu in told if cpu is not None]
    if len(known) < len(told):
        raise IntegrationError("The process manager does not tell of every worker how busy it is.")
    mean = sum(known) / len(known)
    value = f"{mean:.0f} % of a core each, in {len(known)} workers"
    state = State.WARN if mean > terms[WORKERS_CPU_WARN] else State.OK
    return Finding(state, value, f"at most {terms[WORKERS_CPU_WARN]:g} %", f"at most {max(known):.0f} %", mean)


async def find_monitor(_terms: Terms, *, monitor: Monitor) -> Finding:
    """What the service's own health script says."""
    done = await monitor.run()
    lines = [line.strip() for line in (done.out + "\n" + done.err).splitlines() if line.strip()]
    said = "; ".join(lines[-8:])[-600:]
    if done.code in {126, 127}:
        raise IntegrationError(f"The script could not be run: {said or f'exit code {done.code}'}.")
    if done.code:
        return Finding(State.FAIL, f"failed with exit code {done.code}", "exit code 0", said)
    return Finding(State.OK, "passed", "exit code 0", said)


async def online_of(processes: Processes) -> tuple[Worker, ...]:
    """The workers that can be asked; `IntegrationError` when there is none."""
    return those_online(await processes.workers())


def those_online(workers: Sequence[Worker]) -> tuple[Worker, ...]:
    """The same of workers that are known already."""
    online = tuple(worker for worker in workers if worker.status == "online")
    if not online:
        raise IntegrationError("No worker is online that could be asked.")
    return online


WORKERS = (
    Declaration(
        "Workers",
        find_workers,
        limits=(WORKERS_FAIL,),
        unit="online",
        every=timedelta(seconds=30),
        then=("reset", "rollback", "errors"),
    ),
    Declaration(
        "Health",
        find_health,
        limits=(LATENCY_WARN, LATENCY_FAIL),
        unit="s",
        every=timedelta(seconds=30),
        follows=("Workers",),
        then=("reload", "why slow", "health"),
    ),
    Declaration(
        RESTARTS,
        find_restarts,
        rows=("D1",),
        unit="restarts",
        follows=("Workers", "Health"),
        then=("processes", "errors", "why memory"),
    ),
    Declaration(
        "Worker memory",
        find_worker_memory,
        rows=("P2",),
        limits=(WORKER_MEMORY_WARN, WORKER_MEMORY_FAIL),
        unit="%",
        every=timedelta(minutes=2),
        follows=("Workers",),
        then=("reload", "heap-snapshot", "why memory"),
    ),
    Declaration(
        "Worker CPU",
        find_worker_cpu,
        rows=("W",),
        limits=(WORKERS_CPU_WARN,),
        unit="%",
        follows=("Workers",),
        then=("why slow", "processes"),
    ),
    Declaration(
        "Monitor script",
        find_monitor,
        rows=("K3",),
        within=timedelta(seconds=60),
        every=timedelta(minutes=5),
        follows=("Workers", "Health"),
        then=("resources", "health"),
    ),
)
