"""How long the certificates last."""

from __future__ import annotations

from pydantic import Field as Arg

from bot.core.certificates import Certificates
from bot.core.command import Command, Context, ServiceArgs
from bot.core.errors import NotFound
from bot.core.fleet import Service
from bot.core.results import Checks
from bot.digests.checks.certificates import certificate_check
from bot.digests.rounds import check_service


class Which(ServiceArgs):
    """Which one."""

    host: str = Arg("", description="One of the configured hosts, with or without its port; all if not said.")


async def cert(ctx: Context, args: Which, *, service: Service, certificates: Certificates) -> Checks:
    """Show for how many days each certificate lasts, by a live handshake, and whether customers accept it.

    Expired, for another name, or of an authority that nobody trusts is fail; nobody there is unknown.
    """
    hosts = [host for host in certificates.hosts if args.host.lower() in {"", host, host.partition(":")[0]}]
    if not hosts:
        there = ", ".join(certificates.hosts)
        raise NotFound(f"{args.host} is no host of {service.name}.", hint=f"There are: {there}. I ask nobody else.")
    checks = tuple(certificate_check(host) for host in hosts)
    return await check_service(service, now=ctx.now, checks=checks, title=f"Certificates of {service.name}")


COMMANDS = (Command(("cert",), Which, run=cert, rows=("L",), examples=("", "pay.example.com")),)
