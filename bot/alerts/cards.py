"""A group of alerts as people see it."""

from __future__ import annotations

from bot.core.alerts import NEXT, OR_ELSE, WATCH, AlertRow, GroupView, Level
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
    if group.acknowledged_by and group.acknowledged_at and not group.resolved_at:
        lines.append(("Acknowledged by ", Person(group.acknowledged_by), " at ", When(group.acknowledged_at), "."))
    if silence := view.silence:
        reason = f": {silence.reason}" if silence.reason else ""
        until = When(silence.until, date=True)
        lines.append(("Silenced until ", until, " by ", Person(silence.by), reason))
    lines += [_alert(row) for row in view.worst]
    if (more := view.firing - len(view.worst)) > 0:
        lines.append(f"… and {more:,} more that fire, in alerts show {group.id[:8]}.")
    return Text(tuple(lines), title=group.title, state=state_of(view), buttons=_buttons(view))


def state_of(view: GroupView) -> State:
    """The worst level that fires, as a state."""
    return _STATES[view.worst[0].level] if view.worst else State.OK


def _counts(view: GroupView) -> Line:
    ended = f", {view.ended:,} resolved" if view.ended else ""
    since = (" since ", When(view.group.opened_at, date=True), ".")
    if view.group.resolved_at:
        over = When(view.group.resolved_at, date=True)
        return (Bold("Resolved"), " at ", over, f": {view.ended:,} ended, none fires. It began at ", since[1], ".")
    return (Bold(f"{view.firing:,} firing"), ended, *since)


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
        Button("Silence", "alert.silence", group.id),
        Button("Open incident", "alert.incident", group.id, Style.DANGER),
    )
