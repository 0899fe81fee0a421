"""What was changed, by whom, and how it ended."""

from __future__ import annotations

from pydantic import Field

from bot.core.command import Command, Context, ServiceArgs
from bot.core.people import AUTOMATIC
from bot.core.prose import Code, Line, Person, When
from bot.core.records import Operation, Store
from bot.core.results import PlanState, Table
from bot.operations.cards import can_be_undone


class Last(ServiceArgs):
    """How many."""

    count: int = Field(15, ge=1, le=50, description="How many, the newest first; 50 at most.")


async def history(_ctx: Context, args: Last, *, store: Store) -> Table:
    """List the last changes that were asked for, with who asked, how each ended, and the id for undo and cancel."""
    async with store.transaction() as tx:
        operations = await tx.operations.recent(service=args.service, limit=args.count)
    undoable = any(can_be_undone(operation) for operation in operations)
    return Table(
        title="Changes",
        columns=("Id", "When", "What", "Service", "By", "Ended"),
        rows=tuple(_row(operation) for operation in operations),
        empty="Nothing was changed yet.",
        notes=("undo with an id takes back what has a way back.",) if undoable else (),
    )


def _row(operation: Operation) -> tuple[Line, ...]:
    by: Line = "by itself" if operation.requester == AUTOMATIC.user_id else (Person(operation.requester),)
    return (
        (Code(operation.id[:8]),),
        (When(operation.proposed_at),),
        operation.plan.title,
        f"{operation.service} ({operation.environment})",
        by,
        _ended(operation),
    )


def _ended(operation: Operation) -> Line:
    if operation.plan_state is not PlanState.ACCEPTED:
        return operation.plan_state.value
    approved = (" (approved by ", Person(operation.approver), ")") if operation.approver else ()
    why = f": {operation.why}" if operation.why else ""
    automatic = f"{'' if why else '.'} {operation.automatic}" if operation.automatic else ""
    return (operation.state.value, *approved, why, automatic)


COMMANDS = (Command(("history",), Last, run=history, examples=("", "50")),)
