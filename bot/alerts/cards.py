"""A group of alerts as people see it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bot.core.alerts import NEXT, OR_ELSE, UNWATCHED, WATCH, AlertRow, GroupView, Level
from bot.core.automation import NOT_ALLOWED, Case
from bot.core.parts import Button, State, Style
from bot.core.prose import Bold, Inline, Line, Link, Person, When
from bot.core.results import Text

_STATES = {Level.CRITICAL: State.FAIL, Level.WARNING: State.WARN, Level.INFO: State.WARN}
_TEXT, _LABELS = 300, 4
_HELPS = ((NEXT, "Next", "watch.next"), (OR_ELSE, "Or", "watch.or-else"))


def group_card(view: GroupView) -> Text:
    """The message of a group: what fires, how many, since when, who is on it, and what can be done."""
    group = view.group
    lines: list[Line] = [_counts(view)]
    if view.last and UNWATCHED not in view.last.labels:
        lines.append(_at_the_end(view.last))
    if group.acknowledged_by and group.acknowledged_at and not group.resolved_at:
        said = f". {group.source_said}" if group.source_said else "."
        lines.append(("Acknowledged by ", Person(group.acknowledged_by), " at ", When(group.acknowledged_at), said))
    if group.incident:
        lines.append(f"Incident {group.incident} was declared for it.")
    if silence := view.silence:
        reason = f": {silence.reason}" if silence.reason else ""
        until = When(silence.until, date=True)
        lines.append(("Silenced until ", until, " by ", Person(silence.by), reason))
    lines += [_alert(row) for row in view.worst]
    lines += [line for case in view.cases for line in _case(case)]
    if (more := view.firing - len(view.worst)) > 0:
        lines.append(f"… and {more:,} more that fire, in alerts show {group.id[:8]}.")
    return Text(tuple(lines), title=group.title, state=state_of(view), buttons=_buttons(view))


def state_of(view: GroupView) -> State:
    """The worst level that fires, as a state; unknown where nobody looked at the end."""
    if view.last and UNWATCHED in view.last.labels:
        return State.UNKNOWN
    return _STATES[view.worst[0].level] if view.worst else State.OK


def _counts(view: GroupView) -> Line:
    """How many fire since when, or since when none does."""
    group, told = view.group, (*view.worst, *((view.last,) if view.last else ()))
    began = When(min(group.opened_at, *(row.started_at for row in told)), date=True)
    if group.resolved_at is None:
        ended = f", {view.ended:,} resolved" if view.ended else ""
        return (Bold(f"{view.firing:,} firing"), ended, " since ", began, ".")
    over = When(group.resolved_at, date=True)
    if state_of(view) is State.UNKNOWN:
        return (Bold("Not watched any more"), " since ", over, ": whether it is over is not known. It began at ", began)
    ended = f": {view.ended:,} ended, none fires" if view.ended > 1 else ""
    return (Bold("Resolved"), " at ", over, f"{ended}. It began at ", began, ".")


def _at_the_end(row: AlertRow) -> Line:
    """What a watch saw when it was over, or what was the last to end."""
    return f"The last look: {row.title}" if row.source == WATCH else f"Ended last: {row.title}"


def _alert(row: AlertRow) -> Line:
    """One alert in a line: how bad, what, on what, since when, and where the source shows it."""
    if row.source == WATCH:
        labels = [f"for {row.labels['owner']}"] if row.labels.get("owner") else []
    else:
        labels = [f"{name}={value}" for name, value in row.labels.items() if name not in {"alertname", "severity"}]
    parts: list[Inline] = [f"• {row.level.value} · ", Link(row.url, row.title) if row.url else Bold(row.title)]
    if labels:
        parts.append(f" ({', '.join(labels[:_LABELS])})")
    parts += [" since ", When(row.started_at)]
    if row.acknowledged_by:
        parts.append(f", acknowledged by {row.acknowledged_by}")
    if row.text and row.text != row.title:
        parts.append(f": {row.text[:_TEXT]}{'…' if len(row.text) > _TEXT else ''}")
    return tuple(parts)


def _case(case: Case) -> tuple[Line, ...]:
    """What was done by itself, or why it was not; what nobody allowed is only a button."""
    if case.operation_id:
        told = f"{case.does}, {case.outcome or 'under way'}. Automation {case.rule} is allowed by the configuration. "
        return ((Bold("By itself: "), told, f"{case.why}."),)
    if case.held == NOT_ALLOWED:
        return ()
    return ((Bold(f"Not done by itself: {case.does}. "), f"Automation {case.rule} holds back: {case.held}."),)


def _plans(view: GroupView, helps: Mapping[str, str]) -> Iterator[Button]:
    """What an automation would do and may not, one tap away; what helps by the check's own word has its button."""
    for case in view.cases:
        if not case.operation_id and not case.over_at and case.does not in helps.values():
            yield Button(f"Plan: {case.does}", "automation.plan", case.id)


def _buttons(view: GroupView) -> tuple[Button, ...]:
    group = view.group
    if group.resolved_at:
        return ()
    acknowledge = (
        () if group.acknowledged_at else (Button("Acknowledge", "alert.acknowledge", group.id, Style.PRIMARY),)
    )
    helps = view.worst[0].labels if view.worst and view.group.source == WATCH else {}
    return (
        *acknowledge,
        *(Button(f"{word}: {helps[label]}", verb, group.id) for label, word, verb in _HELPS if label in helps),
        *_plans(view, helps),
        Button("Silence", "alert.silence", group.id),
        *(() if group.incident else (Button("Open incident", "alert.incident", group.id, Style.DANGER),)),
    )
