"""What people are shown of an operation, made from its rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.core.parts import Button, Style
from bot.core.people import AUTOMATIC
from bot.core.plan import Plan, Risk
from bot.core.prose import Bold, Line, Person, When
from bot.core.records import Lease, Operation, StepRow
from bot.core.results import OperationState, PlanCard, PlanState, Progress, StepProgress, Text
from bot.operations.rows import forward, glass_broken

CONFIRM_WITHIN = timedelta(minutes=15)
APPROVE_WITHIN = timedelta(hours=1)

OPEN = (PlanState.PROPOSED, PlanState.AWAITING_APPROVAL)
"""States in which somebody still has to decide."""


def expires_at(operation: Operation) -> datetime:
    """Until when the plan can be accepted."""
    usual = operation.proposed_at + (APPROVE_WITHIN if operation.plan.risk is Risk.RISKY else CONFIRM_WITHIN)
    return min(usual, operation.plan.latest or usual)


def can_be_undone(operation: Operation) -> bool:
    """True when it changed something, or may have, and there is a stored way back."""
    changed = operation.state in {OperationState.DONE, OperationState.UNVERIFIED}
    return changed and operation.plan.inverse is not None


def needs_rescue(operation: Operation) -> bool:
    """True when it was seen to fail, and its plan says what helps then."""
    return operation.state is OperationState.FAILED and operation.plan.rescue is not None


def plan_card(operation: Operation, *, note: Line = "") -> PlanCard:
    """The plan with what can be decided about it."""
    plan = operation.plan
    is_open = operation.plan_state in OPEN
    return PlanCard(
        title=plan.title,
        service=operation.service,
        environment=operation.environment,
        state=operation.plan_state,
        changes=plan.changes,
        steps=tuple(action.title for action in plan.actions),
        warnings=(*plan.warnings, *_glass(operation)),
        reason=operation.reason,
        requester=operation.requester,
        note=note,
        expires_at=expires_at(operation) if is_open else None,
        buttons=_decisions(operation) if is_open else (),
    )


def nothing_to_do(plan: Plan) -> Text:
    """The answer when things are already as they were asked for."""
    return Text((f"{plan.title}: nothing has to change.", *plan.warnings))


def progress_card(
    operation: Operation,
    rows: Sequence[StepRow],
    *,
    leases: Sequence[Lease] = (),
    waits_for: Operation | None = None,
) -> Progress:
    """The operation as its rows stand; `leases` are the open ones that it made."""
    return Progress(
        title=operation.plan.title,
        service=operation.service,
        environment=operation.environment,
        state=operation.state,
        steps=_steps(operation, rows),
        requester="" if operation.automatic else operation.requester,
        reason=operation.reason,
        notes=_notes(operation, leases, waits_for),
        started_at=operation.started_at,
        ended_at=operation.ended_at,
        buttons=_acts(operation, leases),
    )


def _decisions(operation: Operation) -> tuple[Button, ...]:
    dismiss = Button("Dismiss", "operation.dismiss", operation.id)
    if operation.plan_state is PlanState.PROPOSED:
        return Button("Confirm and run", "operation.confirm", operation.id, Style.PRIMARY), dismiss
    question = f"{operation.plan.title} on {operation.service} ({operation.environment})?"
    return Button("Approve and run", "operation.approve", operation.id, Style.DANGER, confirm=question), dismiss


def _glass(operation: Operation) -> tuple[Line, ...]:
    told = "Nobody else approves it: this channel and all commanders are told, and one of them reviews it."
    return ((Bold("Break-glass. "), told),) if glass_broken(operation) else ()


def _steps(operation: Operation, stored: Sequence[StepRow]) -> tuple[StepProgress, ...]:
    return tuple(_step(row) for row in (*forward(operation, stored), *(row for row in stored if row.undo)))


def _step(row: StepRow) -> StepProgress:
    return StepProgress(f"Put back: {row.title}" if row.undo else row.title, row.state, row.evidence)


def _notes(operation: Operation, leases: Sequence[Lease], waits_for: Operation | None) -> tuple[Line, ...]:
    notes: list[Line] = []
    if operation.automatic:
        notes.append(operation.automatic)
    if operation.approver:
        notes.append(("Approved by ", Person(operation.approver), "."))
    if glass := glass_broken(operation):
        notes.append((Bold("Nobody approved it: "), glass))
    if operation.reviewed_by:
        notes.append(("Reviewed afterwards by ", Person(operation.reviewed_by), "."))
    if waits_for:
        notes.append((f"Waits for: {waits_for.plan.title}, by ", _who(waits_for.requester), "."))
    if operation.cancel_asked_by:
        what_next = "." if operation.state.is_final else ": no further step is begun."
        notes.append((Person(operation.cancel_asked_by), f" asked to cancel{what_next}"))
    if operation.why:
        notes.append(operation.why)
    notes.extend(("Ends by itself ", When(lease.until), ".") for lease in leases if lease.until)
    return tuple(notes)


def _who(user_id: str) -> Person | str:
    return AUTOMATIC.name if user_id == AUTOMATIC.user_id else Person(user_id)


def _acts(operation: Operation, leases: Sequence[Lease]) -> tuple[Button, ...]:
    if not operation.state.is_final:
        label = "Cancel" if operation.state is OperationState.QUEUED else "Cancel after this step"
        return () if operation.cancel_asked_by else (Button(label, "operation.cancel", operation.id),)
    undo = (Button("Undo", "operation.undo", operation.id),) if can_be_undone(operation) else ()
    rescue = (_rescue(operation),) if needs_rescue(operation) else ()
    return (*(Button("Undo", "lease.undo", lease.id) for lease in leases), *undo, *rescue)


def _rescue(operation: Operation) -> Button:
    assert operation.plan.rescue
    return Button(" ".join(operation.plan.rescue.path).capitalize(), "operation.rescue", operation.id, Style.PRIMARY)
