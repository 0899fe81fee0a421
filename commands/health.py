"""What a service says of its own health."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from bot.core.command import Command, Context, ServiceArgs
from bot.core.errors import IntegrationError
from bot.core.fleet import Service
from bot.core.ports import Gateway, Health, Processes, Voice
from bot.core.prose import Line
from bot.core.results import Table

KINDS = ("basic", "detailed", "dependencies")
_SHOWN = 6  # fields of an answer; a table is for comparing, not for reading all
_IN_OTHER_COLUMNS = ("pid", "hostname", "instance")


async def health(
    _ctx: Context, _args: ServiceArgs, *, service: Service, gateway: Gateway, processes: Processes
) -> Table:
    """Ask each worker at the three health endpoints: basic, detailed and dependencies."""
    workers = sorted((each for each in await processes.workers() if each.pid), key=lambda worker: worker.id)
    answers = await asyncio.gather(*(_ask(gateway, kind, [worker.voice for worker in workers]) for kind in KINDS))
    rows: list[tuple[Line, ...]] = []
    for kind, answer in zip(KINDS, answers, strict=True):
        if isinstance(answer, str):
            rows.append((kind, "all", "unknown", "", answer))
            continue
        rows += (_row(kind, f"{each.id} (pid {each.pid})", answer.get(each.voice)) for each in workers)
    return Table(
        title=f"Health of {service.name}",
        columns=("Endpoint", "Worker", "Status", "Took", "Says"),
        rows=tuple(rows),
        empty="No worker runs.",
    )


async def _ask(gateway: Gateway, kind: str, voices: Sequence[Voice]) -> Mapping[Voice, Health] | str:
    try:
        return await gateway.health_by_worker(voices, kind=kind)
    except IntegrationError as error:
        return str(error)


def _row(kind: str, worker: str, answer: Health | None) -> tuple[Line, ...]:
    if answer is None:
        return (kind, worker, "unknown", "", "did not answer")
    said = [f"{name} {value}" for name, value in answer.body.items() if name not in _IN_OTHER_COLUMNS]
    return (kind, worker, str(answer.status), f"{answer.latency * 1000:.0f} ms", ", ".join(said[:_SHOWN]))


COMMANDS = (Command(("health",), ServiceArgs, run=health, rows=("S",), examples=("",)),)
