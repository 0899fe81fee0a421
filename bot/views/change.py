"""A change before it is made, and while it is made."""

from __future__ import annotations

from bot.core.duration import format_duration
from bot.core.mrkdwn import bold, code, escape, mrkdwn
from bot.core.prose import Person, When
from bot.core.results import PlanCard, PlanState, Progress, StepProgress
from bot.views.fit import message
from bot.views.parts import actions, header, packed, pairs, small, value
from bot.views.payload import Payload
from bot.views.words import said

_NEXT = {
    PlanState.DRY_RUN: "Nothing was changed.",
    PlanState.PROPOSED: "Waits to be confirmed by the one who asked.",
    PlanState.AWAITING_APPROVAL: "Waits for the approval of a second person.",
    PlanState.ACCEPTED: "On its way.",
    PlanState.CANCELLED: "Nothing was changed.",
    PlanState.EXPIRED: "Nothing was changed. Type the command again to plan it anew.",
    PlanState.OUTDATED: "The state has moved since; nothing was changed. Type the command again.",
}


def plan_card(result: PlanCard) -> Payload:
    """What will be touched: old and new, the steps, and what the reader has to decide."""
    first = f"Plan: {escape(result.title)} · {_where(result.service, result.environment)} · {said(result.state)}"
    warnings = [f"▲ Note: {mrkdwn(warning)}" for warning in result.warnings]
    steps = [f"{number}. {code(step)}" for number, step in enumerate(result.steps, 1)]
    what_next = mrkdwn(result.note) or _NEXT[result.state]
    expires = mrkdwn(("Expires ", When(result.expires_at))) if result.expires_at else ""
    blocks = [
        *header(f"Plan: {result.title}"),
        *packed([f"{bold(said(result.state))} · {_where(result.service, result.environment)}", what_next]),
        *pairs(result.changes),
        *packed([bold("Steps"), *steps] if steps else []),
        *packed(warnings),
        *small([" · ".join(filter(None, [*_asked(result.requester, result.reason), expires]))]),
        *actions(result.buttons),
    ]
    changes = [f"{escape(change.name)}: {value(change)}" for change in result.changes]
    return message([first, what_next, *warnings, *changes, *_asked(result.requester, result.reason)], blocks)


def progress(result: Progress) -> Payload:
    """Each step with what was observed; the end is what was seen, not what a command said."""
    first = f"{escape(result.title)} · {_where(result.service, result.environment)} · {said(result.state)}"
    steps = [_step(step) for step in result.steps]
    notes = [mrkdwn(note) for note in result.notes]
    took = ""
    if result.started_at and result.ended_at:
        took = f"Took {format_duration(result.ended_at - result.started_at)}"
    elif result.started_at:
        took = mrkdwn(("Since ", When(result.started_at)))
    blocks = [
        *header(result.title),
        *packed([f"{bold(said(result.state))} · {_where(result.service, result.environment)}"]),
        *packed(steps),
        *packed(notes),
        *small([" · ".join(filter(None, [*_asked(result.requester, result.reason), took]))]),
        *actions(result.buttons),
    ]
    return message([first, *steps, *notes, *_asked(result.requester, result.reason), took], blocks)


def _where(service: str, environment: str) -> str:
    return escape(f"{service} ({environment})" if environment else service)


def _asked(requester: str, reason: str) -> list[str]:
    by = f"Asked by {mrkdwn((Person(requester),))}" if requester else ""
    return [line for line in (by, f"Reason: {escape(reason)}" if reason else "") if line]


def _step(step: StepProgress) -> str:
    line = f"{said(step.state)} · {escape(step.title)}"
    return f"{line}\n      {escape(step.evidence)}" if step.evidence else line
