"""The checks of the workers: how many there are, what each says of its health, and what the service's script says."""

from __future__ import annotations

from datetime import timedelta

from bot.core.errors import IntegrationError
from bot.core.parts import State
from bot.core.ports import Gateway, Monitor, Processes, Worker
from bot.digests.declaration import Declaration, Finding, Limit, Terms

WORKERS_FAIL = Limit("workers_fail_below", 1, "Workers that must be online.")
LATENCY_WARN = Limit("health_seconds_warn_above", 1, "Seconds that the slowest worker may take to say it is well.")


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
        state = State.WARN if slowest > terms[LATENCY_WARN] else State.OK
    return Finding(
        state,
        f"{len(answers) - len(ill)} of {len(workers)} workers healthy, slowest {slowest:.2f} s",
        f"at most {terms[LATENCY_WARN]:g} s",
        ", ".join(ill + silent),
        slowest if answers else None,
    )


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
    online = tuple(worker for worker in await processes.workers() if worker.status == "online")
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
        then=("reset", "errors", "rollback"),
    ),
    Declaration(
        "Health",
        find_health,
        limits=(LATENCY_WARN,),
        unit="s",
        every=timedelta(seconds=30),
        follows=("Workers",),
        then=("reload", "health", "why slow"),
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
