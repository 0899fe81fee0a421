"""Run more workers, or fewer."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

from pydantic import Field as Arg

from bot.core.command import Command, Context, ReasonedArgs
from bot.core.database import Database
from bot.core.errors import Conflict, IntegrationError, UsageError
from bot.core.fleet import Service
from bot.core.parse import option
from bot.core.people import Role
from bot.core.plan import Area, Call, Plan, Risk
from bot.core.ports import Gateway, Host, Processes, Worker
from bot.core.processes import Declared, Supervisor
from bot.core.prose import Line
from bot.core.records import Store
from bot.core.results import Field
from bot.operations.freeze import heed_freeze
from bot.operations.scaling import REMOVE, SCALE, remove_actions, scale_action
from bot.operations.workers import mode_of, online, summary

PER_CORE = 2
"""Workers that a core may get: more only take memory and turns from each other."""


class To(ReasonedArgs):
    """How many, and why."""

    count: int = Arg(ge=1, description="How many workers are to run; not how many more.")
    override: str = option("", "Why a freeze is no reason to stop.")


async def scale(
    _ctx: Context,
    args: To,
    *,
    service: Service,
    processes: Processes,
    supervisor: Supervisor,
    gateway: Gateway,
    host: Host,
    store: Store,
) -> Plan:
    """Run this many workers: an absolute number, so that asking twice changes nothing twice."""
    workers, declared = await asyncio.gather(processes.workers(), supervisor.declared())
    if declared and declared.alone:
        raise Conflict(declared.alone, hint=declared.remedy)
    up = online(workers)
    if not up:
        raise Conflict("No worker is online, and more of them will not be.", hint="rollback, or restart.")
    warnings = _warnings(up, declared, args.count)
    if args.count > len(up):
        warnings += await _fit_host(host, up, declared, args.count)
        warnings += await _fit_database(service, gateway, up, args.count)
    # The process manager takes the oldest away, and keeps those that gave up: they have to go before.
    lost = [worker for worker in workers if worker not in up]
    actions = remove_actions(supervisor, lost)
    if args.count != len(up):
        actions += (scale_action(supervisor, args.count),)
    return Plan(
        title=f"Scale to {args.count} workers",
        area=Area.PROCESSES,
        changes=(
            Field("Workers online", f"{len(up)} -> {args.count}" if args.count != len(up) else f"stays {args.count}"),
            Field("Now", summary(up)),
        ),
        actions=actions,
        undo=(scale_action(supervisor, len(up)),),
        preconditions={"workers online": f"{len(up)} of {len(workers)}", "the mode of the workers": mode_of(workers)},
        warnings=(*await heed_freeze(store, service, override=args.override), *warnings),
        inverse=Call(("scale",), {"count": len(up)}),
    )


async def _fit_host(host: Host, workers: Sequence[Worker], declared: Declared | None, count: int) -> list[Line]:
    """Raise `UsageError` when the host has not the cores or the memory for so many; warn of what they may grow to."""
    cores, free = await asyncio.gather(_cores(host), _free_memory(host))
    if count > cores * PER_CORE:
        raise UsageError(
            f"{count} workers are too many for the {cores} cores of {host.name}.", hint=f"At most {cores * PER_CORE}."
        )
    known = [worker.memory for worker in workers if worker.memory is not None]
    if not known:
        raise IntegrationError("The process manager does not tell how much memory a worker takes.")
    needed = (count - len(workers)) * max(known)
    if needed > free:
        raise UsageError(
            f"{host.name} has {free / 1e6:.0f} MB free; {count - len(workers)} more take {needed / 1e6:.0f} MB.",
            hint="Each is taken to grow as large as the largest one is now.",
        )
    most = count * (declared.memory_limit or 0 if declared else 0)
    there = free + sum(known)
    if most <= there:
        return []
    return [f"If each grows to its limit they take {most / 1e6:.0f} MB, and {host.name} has {there / 1e6:.0f} MB."]


async def _fit_database(service: Service, gateway: Gateway, workers: Sequence[Worker], count: int) -> list[Line]:
    """Raise `UsageError` when the pools of so many workers do not fit into the database; warn when nobody knows."""
    if Database not in service.ports:
        return []
    try:
        connections = await service.port(Database).connections()
        pool = (await gateway.health("detailed")).body.get("pool.max")
    except IntegrationError as error:
        return [f"Whether the database has room for more connections is unknown: {error}"]
    if not isinstance(pool, int):
        return ["Whether the database has room is unknown: the service tells no pool.max in its detailed health."]
    more, free = (count - len(workers)) * pool, connections.limit - connections.count
    if count * pool > connections.limit or more > free:
        raise UsageError(
            f"{count} workers with {pool} connections each do not fit: of the database's {connections.limit} there are "
            f"{free} free, and {more} more would be wanted.",
            hint="A smaller pool for each worker makes room.",
        )
    return []


async def _cores(host: Host) -> int:
    done = await host.run(("nproc",))
    if done.code or not done.out.strip().isdecimal():
        raise IntegrationError(f"{host.name} does not say how many cores it has.")
    return int(done.out)


async def _free_memory(host: Host) -> int:
    """Bytes that new processes can have without swapping."""
    done = await host.run(("cat", "/proc/meminfo"))
    found = re.search(r"^MemAvailable:\s+(\d+) kB$", done.out, re.MULTILINE)
    if done.code or not found:
        raise IntegrationError(f"{host.name} does not say how much memory is free.")
    return int(found[1]) * 1024


def _warnings(workers: Sequence[Worker], declared: Declared | None, count: int) -> list[Line]:
    warnings: list[Line] = []
    if count == 1 and len(workers) > 1:
        warnings.append("A single worker cannot be reloaded without refusing requests.")
    if declared and declared.workers != count:
        warnings.append(
            f"It does not last: {declared.workers} are declared, and a start or a reboot brings those back."
        )
    return warnings


COMMANDS = (
    Command(
        ("scale",),
        To,
        plan=scale,
        role=Role.RESPONDER,
        risk=Risk.CHANGE,
        rows=("H4", "H5"),
        steps=(SCALE, REMOVE),
        examples=("4 traffic doubles",),
        direct=True,
    ),
)
