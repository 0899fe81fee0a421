"""Effects that several commands share: a key of the environment file, a reload, maintenance as seen from outside."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import timedelta
from http import HTTPStatus

from pydantic import BaseModel, ConfigDict

from bot.core.errors import Indistinct, IntegrationError
from bot.core.plan import Attempt, Json, Observation, Step, Verdict
from bot.core.ports import EnvFile, Gateway, Health, Processes, Voice, Worker

_STABLE = timedelta(seconds=1)
"""How long new workers must stay as they are: one that crashes at its start is `online` for a moment each time."""

_ANSWERS = 8
"""How many answers there are to be for each worker where answers do not tell whose they are."""


class _Params(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EnvSet(_Params):
    """One key of the environment file, from `old` to `new`; None is absent."""

    key: str
    old: str | None
    new: str | None


class Reload(_Params):
    """All workers of the service; `build` is the SHA that they have to tell afterwards, any if it is empty."""

    build: str = ""


class Maintenance(_Params):
    """Whether customers are to be turned away."""

    on: bool


async def set_key(attempt: Attempt[EnvSet], *, env: EnvFile) -> str:
    """Change the key in the file."""
    wanted = attempt.params
    await env.write(wanted.key, wanted.new, expected=wanted.old)
    return f"{wanted.key} {_shown(wanted.old)} -> {_shown(wanted.new)} in {env.path}"


async def see_key(attempt: Attempt[EnvSet], *, env: EnvFile) -> Observation:
    """Read the file anew."""
    wanted = attempt.params
    seen = await env.read(wanted.key)
    where = f" on line {', '.join(str(line) for line in seen.lines)}" if seen.lines else ""
    verdict = Verdict.DONE if seen.value == wanted.new else Verdict.NOT_DONE
    return Observation(verdict, f"{wanted.key} is {_shown(seen.value)}{where}.")


async def remember_workers(_: Reload, *, processes: Processes) -> Json:
    """The pids to be replaced."""
    return {"pids": [worker.pid for worker in await processes.workers()]}


async def reload(_: Attempt[Reload], *, processes: Processes) -> str:
    """Have the process manager replace the workers."""
    return await processes.reload()


async def see_reload(attempt: Attempt[Reload], *, processes: Processes, gateway: Gateway) -> Observation:
    """Every worker is a new one, stays up, and answers health; the manager's word for it counts for nothing."""
    await processes.wait_idle()  # an orphan of a dead replica may be at it still
    old = attempt.before.get("pids")
    before = [pid for pid in old if isinstance(pid, int)] if isinstance(old, list) else []
    return await see_steady(processes, gateway, before=before, build=attempt.params.build)


async def see_steady(
    processes: Processes, gateway: Gateway, *, before: Sequence[int] = (), build: str = ""
) -> Observation:
    """Every worker is online, none of `before`, stays up, and answers health; all are of one build, or of `build`."""
    first = await processes.workers()
    fault = _unlike_new(first, before=before)
    if not fault:
        await asyncio.sleep(_STABLE.total_seconds())
        second = await processes.workers()
        fault = _unlike_new(second, before=before) or _unstable(first, second)
    builds: tuple[str, ...] = ()
    gap = ""
    if not fault:
        fault, builds, gap = await _serving(gateway, first)
    if fault:
        return Observation(Verdict.NOT_DONE, fault)
    if len(builds) > 1:
        return Observation(Verdict.NOT_DONE, f"The workers are of different builds: {', '.join(builds)}.")
    if build and builds != (build[:12],):
        return Observation(Verdict.NOT_DONE, f"The workers are of build {builds[0] if builds else 'unknown'}.")
    if gap:
        return Observation(Verdict.UNKNOWN, gap)
    pids = ", ".join(str(worker.pid) for worker in first)
    new, of = " with new pids" if before else "", f" of build {builds[0]}" if builds else ""
    return Observation(Verdict.DONE, f"{_count(first)}{new} ({pids}), steady, and each answers health{of}.")


async def see_maintenance(attempt: Attempt[Maintenance], *, processes: Processes, gateway: Gateway) -> Observation:
    """Each worker says so, a customer is turned away or let in accordingly, and health stays good."""
    on = attempt.params.on
    workers = [worker for worker in await processes.workers() if worker.pid]
    if not workers:
        return Observation(Verdict.NOT_DONE, "No worker runs.")
    fault, _, gap = await _serving(gateway, workers)
    if fault:
        return Observation(Verdict.NOT_DONE, fault)
    voices = [worker.voice for worker in workers]
    said = {} if gap else await gateway.in_maintenance(voices)
    # The balancer hands connections out in turn: as many requests as workers.
    turned_away = {await gateway.turns_customers_away() for _ in voices}
    faults, evidence = [], ["Health is good"]
    if wrong := [voice for voice, value in said.items() if value is not on]:
        faults.append(f"worker {_listed(wrong)} says that maintenance is {_on(not on)}")
    if (not on) in turned_away:
        faults.append(f"a customer's request is still {'let in' if on else 'turned away'}")
    if said:
        evidence.append(f"{len(said)} of {len(voices)} workers say that maintenance is {_on(on)}")
    if None not in turned_away:
        evidence.append(f"a customer's request is {'turned away' if on else 'let in'}")
    if faults:
        return Observation(Verdict.NOT_DONE, _sentence(faults))
    silent = [voice for voice in voices if voice not in said]
    if gap or (silent and (said or None in turned_away)):
        return Observation(Verdict.UNKNOWN, gap or f"Worker {_listed(silent)} does not tell whether maintenance is on.")
    return Observation(Verdict.DONE, _sentence(evidence) + ("" if on else await _pending(gateway)))


def _unlike_new(workers: Sequence[Worker], *, before: Sequence[int]) -> str:
    """Why these are not the new workers; empty when they are."""
    if not workers:
        return "The process manager lists no worker."
    if down := [worker for worker in workers if worker.status != "online" or not worker.pid]:
        return _sentence([f"worker {worker.id} is {worker.status} after {worker.restarts} restarts" for worker in down])
    if old := [worker.pid for worker in workers if worker.pid in before]:
        return f"Worker {_listed(old)} is still the old one."
    if len(workers) < len(before):
        return f"{len(workers)} of {len(before)} workers are left."
    return ""


def _unstable(first: Sequence[Worker], second: Sequence[Worker]) -> str:
    changed = {(worker.id, worker.pid, worker.restarts) for worker in second}
    restarted = [worker.id for worker in first if (worker.id, worker.pid, worker.restarts) not in changed]
    return f"Worker {_listed(restarted)} keeps restarting." if restarted else ""


async def _serving(gateway: Gateway, workers: Sequence[Worker]) -> tuple[str, tuple[str, ...], str]:
    """Why not every worker serves (empty when each answers health with 200), their builds, and what is not known."""
    voices = [worker.voice for worker in workers]
    try:
        answers = await gateway.health_by_worker(voices)
    except Indistinct as error:
        return await _serving_as_a_whole(gateway, workers, error)
    except IntegrationError as error:
        return f"No worker answers health: {error}", (), ""
    if silent := [voice for voice in voices if voice not in answers]:
        return f"Worker {_listed(silent)} does not answer health.", (), ""
    bad = {voice: answer.status for voice, answer in answers.items() if answer.status != HTTPStatus.OK}
    fault = _sentence([f"worker {voice} answers health with {status}" for voice, status in bad.items()]) if bad else ""
    return fault, _builds(answers.values()), ""


async def _serving_as_a_whole(
    gateway: Gateway, workers: Sequence[Worker], why: Indistinct
) -> tuple[str, tuple[str, ...], str]:
    """The same over many answers: a bad one is a fault whoever gave it, but good ones do not prove it of each."""
    answers = [await gateway.health() for _ in range(_ANSWERS * len(workers))]
    bad = sorted({answer.status for answer in answers if answer.status != HTTPStatus.OK})
    fault = f"Of {len(answers)} answers of health some are {_listed(bad)}." if bad else ""
    return fault, _builds(answers), f"{len(answers)} answers of health were good, but unknown is whose: {why}"


def _builds(answers: Iterable[Health]) -> tuple[str, ...]:
    return tuple(sorted({sha[:12] for answer in answers if isinstance(sha := answer.body.get("sha"), str)}))


async def _pending(gateway: Gateway) -> str:
    """Payments that were in flight: their callbacks may have been lost while customers were kept out."""
    try:
        count = await gateway.pending_payments()
    except IntegrationError as error:
        return f" Payments still pending: unknown ({error})"
    return "" if count is None else f" Payments still pending: {count}."


def _sentence(parts: Sequence[str]) -> str:
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}."


def _listed(voices: Sequence[Voice]) -> str:
    return ", ".join(map(str, voices))


def _count(workers: Sequence[Worker]) -> str:
    return f"{len(workers)} worker{'' if len(workers) == 1 else 's'}"


def _on(value: object) -> str:
    return "on" if value else "off"


def _shown(value: str | None) -> str:
    return "absent" if value is None else value or "empty"


ENV_SET = Step(name="env.set", params=EnvSet, do=set_key, observe=see_key, settle=timedelta(seconds=2))
# Done again after an interruption only when looking says that it was not done: a second reload drops nobody more.
RELOAD = Step(
    name="processes.reload",
    params=Reload,
    before=remember_workers,
    do=reload,
    observe=see_reload,
    settle=timedelta(seconds=10),  # of an outage, perhaps: what puts it back comes after this
)
MAINTENANCE = Step(
    name="maintenance.observe", params=Maintenance, observe=see_maintenance, settle=timedelta(seconds=10)
)
STEPS = (ENV_SET, RELOAD, MAINTENANCE)
