"""The App Home: what is open, what is not normal, and what the reader may do."""

from __future__ import annotations

from bot.core.people import Actor
from bot.core.prose import Bold, Channel, Line, Person, When
from bot.core.records import Lease, Store
from bot.core.results import Home


async def home(store: Store, *, actor: Actor, root: str, whom_to_ask: Line) -> Home:
    """What `actor` sees; people without a role see whom to ask and nothing else."""
    if not actor.role:
        return Home(root=root, role=actor.role.word, status=(whom_to_ask,))
    async with store.transaction() as tx:
        running = await tx.operations.running()
        leases = await tx.leases.active()
        incidents = await tx.incidents.open()
    status: list[Line] = [f"Running: {operation.plan.title} on {operation.service}." for operation in running]
    status += map(_lease, leases)
    return Home(
        root=root,
        role=actor.role.word,
        status=tuple(status) or ("Nothing runs, and nothing is out of the ordinary.",),
        incidents=tuple(
            (Bold(f"#{incident.number}"), f" {incident.severity}: {incident.title} ", *_where(incident.channel))
            for incident in incidents
        ),
    )


def _lease(lease: Lease) -> Line:
    until: Line = (", until ", When(lease.until, date=True)) if lease.until else ", until somebody ends it"
    return ("Not normal: ", Bold(f"{lease.kind} of {lease.target}"), " by ", Person(lease.by), *until, ".")


def _where(channel: str) -> tuple[Channel, ...]:
    return (Channel(channel),) if channel else ()
