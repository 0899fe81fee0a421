"""Keep releases and capacity as they are for a while."""

from __future__ import annotations

from datetime import timedelta

from bot.core.command import ChangeArgs, Command, Context
from bot.core.duration import format_duration
from bot.core.errors import UsageError
from bot.core.fleet import Service
from bot.core.parse import option, words
from bot.core.people import Role
from bot.core.plan import Area, Call, LeaseTerms, Plan, Risk
from bot.core.prose import When
from bot.core.records import Store
from bot.core.results import Field
from bot.operations.freeze import KIND

USUAL = timedelta(hours=24)
LONGEST = timedelta(days=30)


class Freeze(ChangeArgs):
    """How long and why."""

    reason: str = words("", "Why; shown to everybody whom it stops.")
    lasts: timedelta | None = option(None, "How long: 24h if not said, 30d at most.", alias="for")


class Thaw(ChangeArgs):
    """Why it ends."""

    reason: str = words("", "Why it ends.")


async def freeze(ctx: Context, args: Freeze, *, service: Service) -> Plan:
    """Have deploy, rollback and scale refuse unless they are given a reason, until the time is over."""
    lasts = args.lasts or USUAL
    if lasts > LONGEST:
        raise UsageError(
            f"{format_duration(lasts)} is too long.", hint=f"At most {format_duration(LONGEST)} at a time."
        )
    return Plan(
        title="Freeze deployments",
        area=Area.PROCESSES,
        changes=(Field("Ends by itself", (f"after {format_duration(lasts)}, about ", When(ctx.now + lasts))),),
        actions=(),
        lease=LeaseTerms(
            kind=KIND,
            target=service.name,
            owner=ctx.actor.user_id,
            lasts=lasts,
            inverse=Call(("freeze", "off"), {"service": service.name}),
        ),
    )


async def thaw(_ctx: Context, _args: Thaw, *, service: Service, store: Store) -> Plan:
    """End every freeze of the service."""
    async with store.transaction() as tx:
        held = await tx.leases.active(service=service.name, kind=KIND)
    return Plan(
        title="End the freeze",
        area=Area.PROCESSES,
        changes=tuple(Field("Frozen for", lease.reason or "no reason given") for lease in held),
        actions=(),
        ends=tuple(lease.id for lease in held),
    )


COMMANDS = (
    Command(
        ("freeze",),
        Freeze,
        plan=freeze,
        role=Role.RESPONDER,
        risk=Risk.CHANGE,
        examples=("--for 48h audit until Friday",),
    ),
    Command(("freeze", "off"), Thaw, plan=thaw, role=Role.RESPONDER, risk=Risk.CHANGE, examples=("audit is over",)),
)
