"""How everything is, on one card."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import TypeVar

from bot.core.command import Args, Command, Context
from bot.core.errors import IntegrationError, OpsbotError
from bot.core.fleet import Fleet, Service
from bot.core.incidents import Incident
from bot.core.parse import option
from bot.core.parts import State
from bot.core.people import AUTOMATIC
from bot.core.ports import Gateway, Processes, Voice, Worker
from bot.core.prose import Bold, Channel, Inline, Line, Person, When
from bot.core.records import Lease, Operation, Store
from bot.core.results import Field, ServiceStatus, Status
from bot.digests.checks.payments import NO_PAYMENTS, success_of
from bot.digests.checks.workers import starts_without_end, those_online
from bot.digests.declaration import Terms

T = TypeVar("T")

_WITHIN = 8.0  # seconds for each part of the card; what takes longer is unknown
ERROR_RATE, SUCCESS_RATE = "error_rate", "success_rate"


class Filter(Args):
    """Which service."""

    service: str = option("", "Only this service.")


@dataclass(frozen=True, slots=True)
class _Unknown:
    """What could not be checked, and why."""

    name: str
    reason: str


async def status(ctx: Context, args: Filter, *, fleet: Fleet, store: Store) -> Status:
    """Show how every service is: workers, health of each, rates, maintenance, what runs, and what is unknown."""
    services = (fleet.pick(args.service),) if args.service else fleet.services
    async with store.transaction() as tx:
        leases = await tx.leases.active(service=args.service)
        running = await tx.operations.running()
        incidents = await tx.incidents.open()
    seen = await asyncio.gather(*(_service(service, leases, ctx.now, store) for service in services))
    mine = [operation for operation in running if args.service in ("", operation.service)]
    return Status(services=tuple(seen), at=ctx.now, active=_active(mine, leases, incidents))


async def _service(service: Service, leases: Sequence[Lease], now: datetime, store: Store) -> ServiceStatus:
    holders = [lease for lease in leases if lease.service == service.name and lease.kind == "maintenance"]
    workers = await _part("Workers", _workers(service))
    known = () if isinstance(workers, _Unknown) else workers
    voices = [worker.voice for worker in known if worker.pid]
    parts = [
        workers if isinstance(workers, _Unknown) else await _online(service, workers, now, store),
        *await asyncio.gather(
            _part("Health", _health(service, voices)),
            _part("Rates", _rates(service, known, voices, now, store)),
            _part("Maintenance", _maintenance(service, voices, holders)),
        ),
    ]
    fields = tuple(part for part in parts if isinstance(part, Field))
    unknown = tuple(f"{part.name}: {part.reason}" for part in parts if isinstance(part, _Unknown))
    states = [field.state for field in fields if field.state]
    return ServiceStatus(
        name=service.name,
        environment=service.environment,
        state=State.worst((*states, *(State.UNKNOWN for _ in unknown))),
        fields=fields,
        unknown=unknown,
    )


async def _part(name: str, look: Awaitable[T]) -> T | _Unknown:
    try:
        async with asyncio.timeout(_WITHIN):
            return await look
    except TimeoutError:
        return _Unknown(name, f"no answer within {_WITHIN:g} s")
    except OpsbotError as error:
        return _Unknown(name, str(error))


async def _workers(service: Service) -> tuple[Worker, ...]:
    return await service.port(Processes).workers()


async def _online(service: Service, workers: Sequence[Worker], now: datetime, store: Store) -> Field:
    again = await starts_without_end(workers, Terms(now, service=service.name), store=store)
    return _count(workers, again)


def _count(workers: Sequence[Worker], again: str = "") -> Field:
    away = [worker for worker in workers if worker.status != "online"]
    online = len(workers) - len(away)
    modes = "/".join(sorted({worker.mode.removesuffix("_mode") for worker in workers}))
    words = [f"{online} of {len(workers)} online", modes and f"{modes} mode"]
    words += [f"worker {worker.id} is {worker.status}" for worker in away]
    words.append(again)
    state = State.FAIL if again or not online else State.WARN if away else State.OK
    return Field("Workers", ", ".join(word for word in words if word), state)


async def _health(service: Service, voices: Sequence[Voice]) -> Field:
    answers = await _gateway(service, voices).health_by_worker(voices)
    ill = sorted({answer.status for answer in answers.values() if answer.status != HTTPStatus.OK})
    words = [f"{len(answers)} of {len(voices)} workers answer"]
    words += [f"one of them with {status}" for status in ill]
    state = State.FAIL if ill else State.UNKNOWN if len(answers) < len(voices) else State.OK
    return Field("Health", ", ".join(words), state)


async def _rates(
    service: Service, workers: Sequence[Worker], voices: Sequence[Voice], now: datetime, store: Store
) -> Field:
    gateway = _gateway(service, voices)
    metrics = await gateway.metrics(voices)
    errors = f"error rate {metrics[ERROR_RATE]:.4g} as the service gives it" if ERROR_RATE in metrics else ""
    if SUCCESS_RATE not in metrics:
        return Field("Rates", errors or "none yet")
    terms = Terms(now, service.limits, service.name)
    found = await success_of(those_online(workers), terms, gateway=gateway, store=store)
    state = None if found.value == NO_PAYMENTS else found.state
    words = f"success {found.value}, {found.limit}. {found.evidence}"
    return Field("Rates", f"{words} {errors}".strip(), state)


async def _maintenance(service: Service, voices: Sequence[Voice], holders: Sequence[Lease]) -> Field:
    said = await _gateway(service, voices).in_maintenance(voices)
    if len(said) < len(voices):
        raise IntegrationError(f"{len(voices) - len(said)} of {len(voices)} workers do not say.")
    on = set(said.values())
    if on == {False} and not holders:
        return Field("Maintenance", "off", State.OK)
    word = "on" if on == {True} else "off, though it is held" if on == {False} else "on at some workers only"
    held = [part for lease in holders for part in ("; ", *_held(lease))]
    return Field("Maintenance", (word, *held) if held else f"{word}; nobody holds it", State.WARN)


def _gateway(service: Service, voices: Sequence[Voice]) -> Gateway:
    gateway = service.port(Gateway)
    if not voices:
        raise IntegrationError("No worker is known that could be asked.")
    return gateway


def _held(lease: Lease) -> tuple[Inline, ...]:
    end: tuple[Inline, ...] = (" until ", When(lease.until)) if lease.until else ()
    return (f"held by {lease.owner}, ", Person(lease.by), *end, f": {lease.reason or 'no reason given'}")


def _who(user_id: str) -> Inline:
    return AUTOMATIC.name if user_id == AUTOMATIC.user_id else Person(user_id)


def _active(running: Sequence[Operation], leases: Sequence[Lease], incidents: Sequence[Incident]) -> tuple[Line, ...]:
    """What goes on now: incidents, operations that wait or run, and what is not as it normally is."""
    return (
        *(
            (Bold(f"Incident {each.number}"), f", {each.severity}: {each.title} ", Channel(each.channel))
            for each in incidents
        ),
        *(
            (f"{each.plan.title} on {each.service} is {each.state.value}, asked for by ", _who(each.requester))
            for each in running
        ),
        *((f"{each.kind} of {each.service} is ", *_held(each)) for each in leases if each.kind != "maintenance"),
    )


COMMANDS = (Command(("status",), Filter, run=status, rows=("G7",), examples=("",), direct=True),)
