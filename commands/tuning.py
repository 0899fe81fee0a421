"""What the runbook tunes where a service is slow for long: shown with what would have to change, never changed here.

Flags, pools and indexes belong into the service's own repository, where they are reviewed and outlive a deployment.
"""

from __future__ import annotations

import asyncio
import re

from pydantic import Field as Arg

from bot.core.command import Command, Context, ServiceArgs
from bot.core.database import Database, Index, Indexed
from bot.core.errors import Conflict, IntegrationError, NotFound
from bot.core.fleet import Service
from bot.core.parts import State
from bot.core.people import Role
from bot.core.ports import Gateway, Processes
from bot.core.processes import Supervisor
from bot.core.prose import Bold, Code, Line
from bot.core.resources import Resources
from bot.core.results import Field, Fields
from bot.operations.workers import online

HEAP_OF_LIMIT, HEAP_OF_HOST = 0.75, 0.75
"""Buffers, code and stacks come on top of the heap; and others run on the host too."""
KEPT_FREE = 0.1
"""Of the database's connections: for whoever repairs it, its backups, and old workers that a reload keeps a while."""

_HEAP = re.compile(r"--max[-_]old[-_]space[-_]size(?:=|\s+)(\d+)")
_MB = 1024**2
_IDENTIFIER = r"^[a-z_][a-z0-9_]{0,62}$"


class Which(ServiceArgs):
    """Which column of which table."""

    table: str = Arg(pattern=_IDENTIFIER, description="Such as payments.")
    column: str = Arg(pattern=_IDENTIFIER, description="The one that is searched by.")


async def node(
    _ctx: Context, _args: ServiceArgs, *, service: Service, processes: Processes, supervisor: Supervisor
) -> Fields:
    """Show how large the heap of Node may grow in each worker, and what would fit."""
    workers, declared, inherited = await asyncio.gather(
        processes.workers(), supervisor.declared(), processes.handed_value("NODE_OPTIONS")
    )
    if declared is None or declared.arguments is None:
        raise Conflict("This process manager does not tell with which flags Node runs.", hint="Look where it is set.")
    count = max(len(online(workers)), 1)
    heap = heap_limit(" ".join(declared.arguments)) or heap_limit(inherited or "")
    share = await _share_of_host(service, count)
    limits = [part for part in (declared.memory_limit and HEAP_OF_LIMIT * declared.memory_limit, share) if part]
    fits = int(min(limits) / _MB) if limits else None
    largest = max((worker.memory for worker in workers if worker.memory), default=None)
    too_large = heap is not None and fits is not None and heap > fits
    notes: list[Line] = []
    if too_large:
        notes.append(
            "A worker is restarted, or the host swaps, before Node collects what it could: a smaller heap first."
        )
    if fits is not None and heap != fits:
        flag = Code(f"--max-old-space-size={fits}")
        notes.append(
            (Bold("To change it: "), flag, " in node_args of the ecosystem file, in the repository; then deploy.")
        )
    notes.append("NODE_OPTIONS before pm2 start would go to the daemon and all that it starts, and last until it ends.")
    return Fields(
        title=f"Heap of Node in {service.name}",
        fields=(
            Field("Limit of the heap", _megabytes(heap, "Node's own choice"), State.WARN if too_large else State.OK),
            Field("Restarted at", _megabytes(declared.memory_limit and declared.memory_limit // _MB, "no limit")),
            Field("Largest worker now", _megabytes(largest and largest // _MB, "unknown")),
            Field("Fits for each of " + str(count), _megabytes(fits, "unknown")),
        ),
        notes=tuple(notes),
    )


async def pool(
    _ctx: Context, _args: ServiceArgs, *, service: Service, processes: Processes, gateway: Gateway, database: Database
) -> Fields:
    """Show whether the pools of all workers fit into the database, and how large they may be."""
    workers, seen, health = await asyncio.gather(
        processes.workers(), database.connections(), gateway.health("detailed")
    )
    count, each = len(online(workers)), health.body.get("pool.max")
    if not count:
        raise Conflict("No worker is online.", hint="rollback, or restart.")
    if not isinstance(each, int):
        raise IntegrationError("The service tells no pool.max in its detailed health.")
    room = int(seen.limit * (1 - KEPT_FREE))
    most, fits = count * each, room // count
    state = State.OK if most <= room else State.WARN if most <= seen.limit else State.FAIL
    notes: list[Line] = [
        f"A tenth of the {seen.limit} is kept free: for repairs, backups and workers of before a reload."
    ]
    if state is not State.OK:
        notes.append(
            (Bold("To change it: "), f"at most {fits} for each worker, in the service's configuration; then deploy.")
        )
    return Fields(
        title=f"Database pool of {service.name}",
        fields=(
            Field("Pool of each worker", str(each)),
            Field("All workers together", f"{most} ({count} workers)", state),
            Field("Connected now", f"{seen.count} of {seen.limit}"),
            Field("Fits for each", str(fits)),
        ),
        notes=tuple(notes),
    )


async def index(_ctx: Context, args: Which, *, service: Service, database: Database) -> Fields:
    """Show whether a column is found by an index, and the statement that makes one without stopping payments."""
    found = await database.indexed(args.table)
    if found is None:
        raise NotFound(f"The database of {service.name} has no table {args.table}.")
    if args.column not in found.columns:
        raise NotFound(f"{args.table} has no column {args.column}.", hint=f"It has {', '.join(found.columns)}.")
    leading = [each for each in found.indexes if each.columns[0] == args.column]
    return Fields(
        title=f"Index on {args.table} ({args.column})",
        fields=(
            Field("Rows", "not counted yet" if found.rows is None else f"about {found.rows:,}"),
            Field("Size of the table", f"{found.size / _MB:,.1f} MB"),
            Field("Found by", *_found_by(leading)),
        ),
        notes=_advice(args, found, leading),
    )


def heap_limit(flags: str) -> int | None:
    """Megabytes of `--max-old-space-size`, the last of which counts; None without one. Source: node --v8-options."""
    given = _HEAP.findall(flags)
    return int(given[-1]) if given else None


async def _share_of_host(service: Service, count: int) -> float | None:
    if Resources not in service.ports:
        return None
    return HEAP_OF_HOST * (await service.port(Resources).memory()).whole / count


def _found_by(leading: list[Index]) -> tuple[str, State]:
    if not leading:
        return "no index: each search reads the whole table", State.WARN
    said = ", ".join(each.name if each.valid else f"{each.name} (invalid)" for each in leading)
    return said, State.OK if any(each.valid for each in leading) else State.FAIL


def _advice(args: Which, found: Indexed, leading: list[Index]) -> tuple[Line, ...]:
    if any(each.valid for each in leading):
        return ()
    notes: list[Line] = []
    if leading:
        broken = leading[0].name
        notes.append(
            (Bold("Its build failed, or still runs (db shows it). First: "), Code(f"DROP INDEX CONCURRENTLY {broken};"))
        )
    name = f"idx_{args.table}_{args.column}"[:63]
    if any(each.name == name for each in found.indexes if each not in leading):
        name = f"{name[:60]}_2"
    statement = f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {args.table} ({args.column});"
    notes += [
        (Bold("In a migration, outside of a transaction: "), Code(statement)),
        "Without CONCURRENTLY every payment waits until it is built.",
        "Ask here again afterwards: a failed build leaves it there, invalid, and IF NOT EXISTS is content with that.",
    ]
    return tuple(notes)


def _megabytes(count: int | None, without: str) -> str:
    return without if not count else f"{count:,} MB"


COMMANDS = (
    Command(("tuning", "node"), ServiceArgs, run=node, role=Role.RESPONDER, rows=("P3",), examples=("",)),
    Command(("tuning", "pool"), ServiceArgs, run=pool, role=Role.RESPONDER, rows=("P4",), examples=("",)),
    Command(("tuning", "index"), Which, run=index, role=Role.RESPONDER, rows=("P5",), examples=("payments status",)),
)
