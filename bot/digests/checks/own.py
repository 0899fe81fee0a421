"""The checks of what the bot itself has in hand: operations that wait or run, and what it holds from the normal."""

from __future__ import annotations

from datetime import timedelta

from bot.core.duration import format_duration
from bot.core.parts import State
from bot.core.records import Store
from bot.digests.declaration import Declaration, Family, Finding, Limit, Terms

OPERATION_WARN = Limit("operation_minutes_warn_above", 60, "Minutes that a change may wait or run.")
LEASE_WARN = Limit("lease_hours_warn_above", 24, "Hours that something may be held from the normal.")


async def find_operations(terms: Terms, *, store: Store) -> Finding:
    """Changes that wait or run, and for how long the oldest has."""
    async with store.transaction() as tx:
        found = [each for each in await tx.operations.running() if each.service == terms.service]
    if not found:
        return Finding(State.OK, "none", measure=0)
    oldest = min(found, key=lambda operation: operation.proposed_at)
    age = terms.now - oldest.proposed_at
    late = age > timedelta(minutes=terms[OPERATION_WARN])
    return Finding(
        State.WARN if late else State.OK,
        f"{len(found)}, the oldest for {format_duration(age)}",
        f"at most {terms[OPERATION_WARN]:g} minutes",
        f"{oldest.plan.title} is {oldest.state.value}.",
        len(found),
    )


async def find_leases(terms: Terms, *, store: Store) -> Finding:
    """What is held from the normal: by whom it is forgotten, it stays."""
    async with store.transaction() as tx:
        found = await tx.leases.active(service=terms.service)
    long = [each for each in found if terms.now - each.since > timedelta(hours=terms[LEASE_WARN])]
    endless = [each for each in found if each.until is None]
    words = [f"{each.kind} is open for {format_duration(terms.now - each.since)}" for each in long]
    words += [f"{each.kind} has no end" for each in endless if each not in long]
    return Finding(
        State.WARN if words else State.OK,
        f"{len(found)} open" if found else "none",
        f"at most {terms[LEASE_WARN]:g} h",
        "; ".join(words),
        len(found),
    )


OWN = (
    Declaration(
        "Operations",
        find_operations,
        limits=(OPERATION_WARN,),
        unit="open",
        family=Family.BOT,
        every=timedelta(minutes=5),
        then=("active", "cancel"),
    ),
    Declaration(
        "Leases",
        find_leases,
        rows=("G7",),
        limits=(LEASE_WARN,),
        unit="open",
        family=Family.BOT,
        every=timedelta(minutes=15),
        then=("active", "undo"),
    ),
)
