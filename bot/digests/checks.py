"""The daily checks: each says what it reads, against which limits, and what it found; unknown is never ok."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from bot.core.errors import IntegrationError
from bot.core.parts import State
from bot.core.ports import Backup, Backups, Gateway, Monitor, Processes, Worker
from bot.core.sizes import format_size


@dataclass(frozen=True, slots=True)
class Limit:
    """A threshold: `services.<name>.limits.<key>` in the configuration, `default` where that says nothing."""

    key: str
    default: float
    meaning: str


@dataclass(frozen=True, slots=True)
class Terms:
    """What a check is told beside its ports: the time, and the limits of the service."""

    now: datetime
    limits: Mapping[str, float]

    def __getitem__(self, limit: Limit) -> float:
        return self.limits.get(limit.key, limit.default)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check saw, with its unit and against which limit; `evidence` says how."""

    state: State
    value: str
    limit: str = ""
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Declaration:
    """A check: `find` is `async def f(terms, *, port: Port, ...) -> Finding` and reads those ports of the service.

    An `OpsbotError` from it, or no answer within `within`, is unknown with the reason.
    """

    name: str
    find: Callable[..., Awaitable[Finding]]
    rows: tuple[str, ...] = ()
    limits: tuple[Limit, ...] = ()
    within: timedelta = timedelta(seconds=20)


WORKERS_FAIL = Limit("workers_fail_below", 1, "Workers that must be online.")
LATENCY_WARN = Limit("health_seconds_warn_above", 1, "Seconds that the slowest worker may take to say it is well.")
TRANSACTIONS_WARN = Limit("transactions_warn_below", 1, "Payments that are expected on any day.")
TRANSACTIONS_FAIL = Limit("transactions_fail_below", 0, "Payments of a day below which something must be broken.")
SUCCESS_WARN = Limit("success_percent_warn_below", 99, "Percentage of payments that should succeed.")
SUCCESS_FAIL = Limit("success_percent_fail_below", 95, "Percentage of payments that must succeed.")
ERRORS_WARN = Limit("error_percent_warn_above", 1, "Percentage of error lines, or of answers 5xx, for the requests.")
BACKUP_AGE_FAIL = Limit("backup_hours_fail_above", 26, "Hours that may pass without a backup.")
BACKUP_SIZE_WARN = Limit("backup_size_warn_below", 0.5, "Size of the newest backup as a part of the others' median.")


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
    )


async def find_health(terms: Terms, *, gateway: Gateway, processes: Processes) -> Finding:
    """What each worker answers at the health endpoint."""
    workers = await _online(processes)
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
    )


async def find_volume(terms: Terms, *, gateway: Gateway, processes: Processes) -> Finding:
    """How many payments there were today."""
    count = await _metric("daily_transactions", gateway, processes)
    state = _at_least(count, warn=terms[TRANSACTIONS_WARN], fail=terms[TRANSACTIONS_FAIL])
    return Finding(state, f"{count:,.0f} today", f"at least {terms[TRANSACTIONS_WARN]:,g}")


async def find_success(terms: Terms, *, gateway: Gateway, processes: Processes) -> Finding:
    """Which part of the payments succeeded: services say 0.987 or 98.7 and mean the same."""
    return judge_success(terms, await _metric("success_rate", gateway, processes))


def judge_success(terms: Terms, rate: float) -> Finding:
    """The same of a rate that is known."""
    if not 0 <= rate <= 100:  # noqa: PLR2004 - percent
        raise IntegrationError(
            f"The service gives {rate:g} as success_rate, which is neither a fraction nor a percentage."
        )
    percent = 100 * rate if rate <= 1 else rate
    return Finding(
        _at_least(percent, warn=terms[SUCCESS_WARN], fail=terms[SUCCESS_FAIL]),
        f"{percent:.4g} %",
        f"at least {terms[SUCCESS_WARN]:g} %",
        f"success_rate is {rate:g}, read as a fraction" if rate <= 1 else "",
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


async def find_backups(terms: Terms, *, backups: Backups) -> Finding:
    """How old and how large the newest backup is, and whether it is whole."""
    return judge_backups(terms, await backups.newest())


def judge_backups(terms: Terms, found: tuple[Backup, ...]) -> Finding:
    """The same of backups that are known, the newest first."""
    hours = f"at most {terms[BACKUP_AGE_FAIL]:g} h old"
    if not found:
        return Finding(State.FAIL, "no backup", hours, "The folder holds none.")
    newest, *others = found
    age = (terms.now - newest.made_at) / timedelta(hours=1)
    seen = f"newest is {age:.1f} h old, {format_size(newest.size)}"
    if newest.fault or not newest.size:
        return Finding(State.FAIL, seen, hours, f"{newest.path}: {newest.fault or 'it is empty'}")
    if age > terms[BACKUP_AGE_FAIL]:
        return Finding(State.FAIL, seen, hours, newest.path)
    if newest.made_at > terms.now + timedelta(minutes=5):
        raise IntegrationError(f"{newest.path} is dated in the future, so its age says nothing.")
    usual = median(backup.size for backup in others) if others else newest.size
    if newest.size < terms[BACKUP_SIZE_WARN] * usual:
        part = f"at least {terms[BACKUP_SIZE_WARN]:.0%} of the usual {format_size(usual)}"
        return Finding(State.WARN, seen, part, newest.path)
    return Finding(State.OK, seen, hours, newest.path)


CHECKS = (
    Declaration("Workers", find_workers, limits=(WORKERS_FAIL,)),
    Declaration("Health", find_health, limits=(LATENCY_WARN,)),
    Declaration("Transaction volume", find_volume, rows=("K1",), limits=(TRANSACTIONS_WARN, TRANSACTIONS_FAIL)),
    Declaration("Success rate", find_success, rows=("K2",), limits=(SUCCESS_WARN, SUCCESS_FAIL)),
    Declaration("Monitor script", find_monitor, rows=("K3",), within=timedelta(seconds=60)),
    Declaration("Backups", find_backups, rows=("K4",), limits=(BACKUP_AGE_FAIL, BACKUP_SIZE_WARN)),
)
"""Every check, in the order in which they are read."""


async def _online(processes: Processes) -> tuple[Worker, ...]:
    online = tuple(worker for worker in await processes.workers() if worker.status == "online")
    if not online:
        raise IntegrationError("No worker is online that could be asked.")
    return online


async def _metric(name: str, gateway: Gateway, processes: Processes) -> float:
    """One metric over all workers; an error when it is not there or is no number, for that is no zero."""
    metrics = await gateway.metrics([worker.voice for worker in await _online(processes)])
    if name not in metrics:
        raise IntegrationError(f"The service gives no {name}; it has none as long as there was no payment.")
    if not math.isfinite(metrics[name]):
        raise IntegrationError(f"The service gives {metrics[name]} as {name}.")
    return metrics[name]


def _at_least(value: float, *, warn: float, fail: float) -> State:
    if value < fail:
        return State.FAIL
    return State.WARN if value < warn else State.OK
