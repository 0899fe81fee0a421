"""One round of checks on one service: all at once, each with its own patience."""

from __future__ import annotations

import asyncio
from datetime import datetime

from bot.core.command import needs
from bot.core.errors import OpsbotError
from bot.core.fleet import Service
from bot.core.parts import State
from bot.core.results import Check, Checks
from bot.digests.checks import CHECKS, Declaration, Finding, Terms


async def check_service(
    service: Service, *, now: datetime, checks: tuple[Declaration, ...] = CHECKS, title: str = ""
) -> Checks:
    """What every check says of `service`; a check that could not run is unknown and says why."""
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(_check(check, service, now)) for check in checks]
    return Checks(
        title=title or f"Health of {service.name} ({service.environment})",
        checks=tuple(task.result() for task in running),
        at=now,
    )


async def _check(check: Declaration, service: Service, now: datetime) -> Check:
    patience = check.within.total_seconds()
    try:
        ports: dict[str, object] = {name: service.port(kind) for name, kind in needs(check.find).items()}
        async with asyncio.timeout(patience):
            found = await check.find(Terms(now, service.limits), **ports)
    except TimeoutError:
        found = Finding(State.UNKNOWN, "not known", evidence=f"No answer within {patience:g} s.")
    except OpsbotError as error:
        found = Finding(State.UNKNOWN, "not known", evidence=str(error))
    return Check(check.name, found.state, found.value, found.limit, found.evidence)
