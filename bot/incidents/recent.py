"""What changed lately: the first question of every incident."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.core.people import AUTOMATIC
from bot.core.prose import Bold, Line, Person, When
from bot.core.records import Lease, Operation, Unit
from bot.core.results import PlanState

LOOKED_BACK = timedelta(hours=24)
_SHOWN = 8


async def changed(tx: Unit, *, since: datetime, service: str = "") -> list[Operation]:
    """Every change that was let run since a moment, oldest first."""
    recent = await tx.operations.recent(service=service, limit=500)
    ran = (each for each in recent if each.plan_state is PlanState.ACCEPTED and each.proposed_at >= since)
    return sorted(ran, key=lambda each: each.started_at or each.proposed_at)


async def recent_changes(tx: Unit, *, services: Sequence[str], now: datetime) -> tuple[Line, ...]:
    """The last changes and what is not normal, a line each; of these services, of all when none is named."""
    ran = [each for each in await changed(tx, since=now - LOOKED_BACK) if not services or each.service in services]
    leases = [each for each in await tx.leases.active() if not services or each.service in services]
    lines = [*map(_operation, ran[-_SHOWN:]), *map(_lease, leases)]
    if len(ran) > _SHOWN:
        lines.insert(0, f"{len(ran) - _SHOWN} earlier ones are left out: changes lists all.")
    return tuple(lines)


def _operation(operation: Operation) -> Line:
    by = (", by itself",) if operation.requester == AUTOMATIC.user_id else (", by ", Person(operation.requester))
    at = When(operation.started_at or operation.proposed_at, date=True)
    return (at, ": ", Bold(operation.plan.title), f" on {operation.service}, {operation.state.value}", *by)


def _lease(lease: Lease) -> Line:
    return ("Not normal now: ", Bold(f"{lease.kind} of {lease.target}"), " since ", When(lease.since, date=True))
