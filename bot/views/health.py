"""What was looked at and how it is: digests and the status card. Unknown is told as plainly as a failure."""

from __future__ import annotations

from slack_sdk.models.blocks import Block

from bot.core.mrkdwn import bold, escape, mrkdwn
from bot.core.parts import State
from bot.core.prose import Person, When
from bot.core.results import Check, Checks, Digest, ServiceStatus, Status
from bot.views.fit import message
from bot.views.parts import actions, header, packed, pairs, small, value
from bot.views.payload import Payload
from bot.views.plain import grid
from bot.views.words import count, said

_WORST_FIRST = (State.FAIL, State.UNKNOWN, State.WARN, State.OK)


def checks(result: Checks) -> Payload:
    """The verdict, then each check, the worst first; a line each when all is well."""
    ordered = sorted(result.checks, key=lambda check: _WORST_FIRST.index(check.state))
    verdict = f"{said(result.state)} · {_tally(result)}"
    lines = [_check(check) for check in ordered]
    blocks = [
        *header(result.title),
        *packed([bold(verdict)]),
        *packed(lines),
        *small([" · ".join(filter(None, [escape(result.note), mrkdwn((When(result.at, date=True),))]))]),
        *actions(result.buttons),
    ]
    return message([f"{escape(result.title)}: {verdict}", escape(result.note), *lines], blocks)


def digest(result: Digest) -> Payload:
    """The verdict first, then only what needs eyes, the worst in front, and a small table."""
    first = f"{said(result.state)} · {escape(result.title)}: {escape(result.verdict)}"
    eyes = [_check(check) for check in sorted(result.eyes, key=lambda check: _WORST_FIRST.index(check.state))]
    owner = [mrkdwn((Person(result.owner), " looks at it."))] if result.owner else []
    handled = [f"• {mrkdwn(line)}" for line in result.handled]
    notes = [mrkdwn(note) for note in result.notes]
    blocks = [
        *packed([bold(first), *eyes, *owner]),
        *packed(handled),
        *grid(result.columns, result.rows),
        *small([" · ".join([*notes, mrkdwn((When(result.at, date=True),))])]),
        *actions(result.buttons),
    ]
    shown = [" | ".join(mrkdwn(cell) for cell in row) for row in result.rows]
    return message([first, *eyes, *owner, *handled, *shown, *notes], blocks)


def status(result: Status) -> Payload:
    """Every service, what could not be checked, and what is not normal right now."""
    state = State.worst(tuple(service.state for service in result.services))
    first = f"Status: {said(state)} · " + (
        ", ".join(f"{escape(service.name)} {service.state.value}" for service in result.services) or "no service"
    )
    active = [f"• {mrkdwn(line)}" for line in result.active]
    body: list[Block] = []
    for service in result.services:
        body += [*packed([_service(service)]), *pairs(service.fields), *small(_unknown(service))]
    blocks = [
        *header("Status"),
        *body,
        *packed([bold("Active now"), *active] if active else []),
        *small([mrkdwn(("As of ", When(result.at, date=True)))]),
        *actions(result.buttons),
    ]
    shown = [line for service in result.services for line in _in_text(service)]
    return message([first, *shown, *active], blocks)


def _tally(result: Checks) -> str:
    """`5 checks: 1 fail, 1 unknown, 3 ok`."""
    states = [check.state for check in result.checks]
    tally = ", ".join(f"{states.count(state)} {state.value}" for state in _WORST_FIRST if state in states)
    return f"{count(len(states), 'check')}: {tally}" if tally else "nothing was checked"


def _check(check: Check) -> str:
    limit = f" (limit {escape(check.limit)})" if check.limit else ""
    trend = f" · {escape(check.trend)}" if check.trend else ""
    line = f"{said(check.state)} · {bold(check.name)}: {escape(check.value)}{limit}{trend}"
    return f"{line}\n      {escape(check.evidence)}" if check.evidence and check.state is not State.OK else line


def _service(service: ServiceStatus) -> str:
    return f"{bold(service.name)} ({escape(service.environment)}): {said(service.state)}"


def _unknown(service: ServiceStatus) -> list[str]:
    return [f"{said(State.UNKNOWN)} · {escape(what)}" for what in service.unknown]


def _in_text(service: ServiceStatus) -> list[str]:
    return [
        _service(service),
        *(f"{escape(field.name)}: {value(field)}" for field in service.fields),
        *_unknown(service),
    ]
