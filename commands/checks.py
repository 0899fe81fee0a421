"""Look now at what the daily digest looks at."""

from __future__ import annotations

from bot.core.command import Command, Context, ServiceArgs
from bot.core.fleet import Service
from bot.core.results import Checks
from bot.digests.rounds import check_service


async def checks(ctx: Context, _args: ServiceArgs, *, service: Service) -> Checks:
    """Run the daily checks now: workers, health, payments, success rate, monitor script and backups.

    Each is ok, warn, fail or unknown against the limits of the configuration; what could not be looked at is unknown.
    """
    return await check_service(service, now=ctx.now)


COMMANDS = (
    Command(
        ("checks",),
        ServiceArgs,
        run=checks,
        rows=("K1", "K2", "K3", "K4", "K5"),
        examples=("checks", "checks --service gateway"),
    ),
)
