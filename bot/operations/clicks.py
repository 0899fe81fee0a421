"""Buttons on the cards of operations; each carries the id of its row and nothing else."""

from __future__ import annotations

from bot.core.command import Click, Context
from bot.core.people import Role
from bot.core.results import Result
from bot.operations.engine import Engine


async def confirm(ctx: Context, row_id: str, *, engine: Engine) -> Result:
    """The requester says yes."""
    return await engine.approval.confirm(ctx, row_id)


async def approve(ctx: Context, row_id: str, *, engine: Engine) -> Result:
    """A second person says yes."""
    return await engine.approval.approve(ctx, row_id)


async def dismiss(ctx: Context, row_id: str, *, engine: Engine) -> Result:
    """The plan is dropped."""
    return await engine.approval.dismiss(ctx, row_id)


async def cancel(ctx: Context, row_id: str, *, engine: Engine) -> None:
    """The operation stops before its next step; its card says so."""
    await engine.approval.cancel(ctx, row_id)


async def undo(ctx: Context, row_id: str, *, engine: Engine) -> Result | None:
    """What a lease holds is to be ended now."""
    return await engine.leases.undo(ctx, row_id, show=True)


async def take_back(ctx: Context, row_id: str, *, engine: Engine) -> Result | None:
    """What an operation did is to be taken back."""
    return await engine.undo(ctx, row_id, show=True)


async def rescue(ctx: Context, row_id: str, *, engine: Engine) -> None:
    """What helps where an operation failed."""
    await engine.rescue(ctx, row_id)


async def review(ctx: Context, row_id: str, *, engine: Engine) -> Result:
    """Somebody has looked at what ran without a second person."""
    return await engine.break_glass.review(ctx, row_id)


CLICKS = (
    Click("operation.confirm", confirm, role=Role.RESPONDER),
    Click("operation.approve", approve, role=Role.COMMANDER),
    Click("operation.dismiss", dismiss, role=Role.RESPONDER),
    Click("operation.cancel", cancel, role=Role.RESPONDER),
    Click("operation.review", review, role=Role.COMMANDER),
    Click("operation.undo", take_back, role=Role.RESPONDER),
    Click("operation.rescue", rescue, role=Role.RESPONDER),
    Click("lease.undo", undo, role=Role.RESPONDER),
)
