"""The steps of an operation as rows: what is stored, and what still waits."""

from __future__ import annotations

from collections.abc import Sequence

from bot.core.plan import Action, Risk
from bot.core.records import Operation, StepRow
from bot.core.results import StepState


def forward(operation: Operation, stored: Sequence[StepRow]) -> tuple[StepRow, ...]:
    """A row for each action of the plan."""
    return _rows(operation, operation.plan.actions, stored, undo=False)


def backward(operation: Operation, stored: Sequence[StepRow]) -> tuple[StepRow, ...]:
    """A row for each action that puts things back."""
    return _rows(operation, operation.plan.undo, stored, undo=True)


def touches_same(one: Operation, other: Operation) -> bool:
    """True when the two wait for one another."""
    return (one.host, one.plan.area) == (other.host, other.plan.area)


def glass_broken(operation: Operation) -> str:
    """Why a risky change runs without a second person; empty for every other change."""
    said = operation.call.args.get("break_glass") if operation.plan.risk is Risk.RISKY else None
    return said if isinstance(said, str) else ""


def needs_approver(operation: Operation) -> bool:
    """True when a second person decides about it."""
    return operation.plan.risk is Risk.RISKY and not glass_broken(operation)


def _rows(
    operation: Operation, actions: Sequence[Action], stored: Sequence[StepRow], *, undo: bool
) -> tuple[StepRow, ...]:
    by_number = {row.number: row for row in stored if row.undo is undo}
    return tuple(
        by_number.get(number)
        or StepRow(
            operation_id=operation.id,
            number=number,
            undo=undo,
            step=action.step,
            title=action.title,
            params=action.params,
            before=None,
            state=StepState.WAITING,
        )
        for number, action in enumerate(actions, start=1)
    )
