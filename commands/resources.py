"""What the host of a service has left."""

from __future__ import annotations

from bot.core.command import Command, Context, ServiceArgs
from bot.core.fleet import Service
from bot.core.records import Store
from bot.core.results import Checks
from bot.digests.checks.host import HOST
from bot.digests.rounds import take_round


async def resources(ctx: Context, _args: ServiceArgs, *, service: Service, store: Store) -> Checks:
    """Look at processor, load, memory, swap, disks with their inodes, open files and workers of the service's host.

    Each is ok, warn, fail or unknown against the limits of the configuration; what could not be read is unknown.
    """
    title = f"Resources of {service.host} ({service.name})"
    return await take_round(service, store=store, now=ctx.now, checks=HOST, title=title)


COMMANDS = (Command(("resources",), ServiceArgs, run=resources, rows=("H2",), examples=("",)),)
