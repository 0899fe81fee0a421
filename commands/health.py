"""What a service says of its own health."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from bot.core.command import Command, Context, ServiceArgs
from bot.core.errors import IntegrationError
from bot.core.fleet import Service
from bot.core.ports import Gateway, Health, Processes
from bot.core.prose import Line
from bot.core.results import Table

KINDS = ("basic", "detailed", "dependencies")
_SHOWN = 6  # fields of an answer; a table is for comparing, not for reading all
_IN_OTHER_COLUMNS = ("pid", "instance")


async def health(
    _ctx: Context, _args: ServiceArgs, *, service: Service, gateway: Gateway, processes: Processes
) -> Table:
    """Ask each worker at the three health endpoints: basic, detailed and dependencies."""
    workers = {worker.pid: worker.id for worker in await processes.workers() if worker.pid}
    answers = await asyncio.gather(*(_ask(gateway, kind, list(workers)) for kind in KINDS))
    rows: list[tuple[Line, ...]] = []
    for kind, answer in zip(KINDS, answers, strict=True):
        if isinstance(answer, str):
            rows.append((kind, "all", "unknown", "", answer))
            continue
        for pid, number in sorted(workers.items(), key=lambda pair: pair[1]):
            rows.append(_row(kind, f"{number} (pid {pid})", answer.get(pid)))
    return Table(
        title=f"Health of {service.name}",
        columns=("Endpoint", "Worker", "Status", "Took", "Says"),
        rows=tuple(rows),
        empty="No worker runs.",
    )


async def _ask(gateway: Gateway, kind: str, pids: list[int]) -> Mapping[int, Health] | str:
    try:
        return await gateway.health_by_worker(pids, kind=kind)
    except IntegrationError as error:
        return str(error)


def _row(kind: str, worker: str, answer: Health | None) -> tuple[Line, ...]:
    if answer is None:
        return (kind, worker, "unknown", "", "did not answer")
    said = [f"{name} {value}" for name, value in answer.body.items() if name not in _IN_OTHER_COLUMNS]
    return (kind, worker, str(answer.status), f"{answer.latency * 1000:.0f} ms", ", ".join(said[:_SHOWN]))


COMMANDS = (Command(("health",), ServiceArgs, run=health, rows=("S",), examples=("",)),)
