"""Look now at everything that digests and watches look at."""

from __future__ import annotations

from bot.core.command import Command, Context, ServiceArgs
from bot.core.fleet import Service
from bot.core.records import Store
from bot.core.results import Checks
from bot.digests.rounds import take_round


async def checks(ctx: Context, _args: ServiceArgs, *, service: Service, store: Store) -> Checks:
    """Run every check now that the configuration of the service has a part for.

    Each is ok, warn, fail or unknown against the limits of the configuration, and against what is usual at this time of
    the week; what could not be looked at is unknown.
    """
    return await take_round(service, store=store, now=ctx.now)


COMMANDS = (
    Command(
        ("checks",),
        ServiceArgs,
        run=checks,
        rows=("K1", "K2", "K3", "K4", "K5"),
        examples=("checks", "checks --service gateway"),
    ),
)
