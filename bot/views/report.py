"""The report of an incident and its action items as messages, with a button for each thing that can be done."""

from __future__ import annotations

from bot.core.incident_results import ActionItem, ActionItems, IncidentReport, Section, SectionText
from bot.core.mrkdwn import bold, escape, mrkdwn
from bot.core.passage import Mark, parse
from bot.core.prose import Link, Person, When
from bot.views.fit import message
from bot.views.parts import actions, header, packed, section, small
from bot.views.passages import as_mrkdwn
from bot.views.payload import Payload
from bot.views.words import count

_SHORT = {Section.DATE, Section.TIME, Section.SEVERITY}
"""Sections that stand on the line of their name."""

_WITH_BUTTONS = 12
"""Items that have buttons: two blocks each, of the fifty that Slack shows."""


def incident_report(result: IncidentReport) -> Payload:
    """Its sections, what keeps it from being final, and buttons; the whole of it is in the exported file."""
    links = dict(result.links)
    state = "final" if result.final else "draft"
    version = f", version {result.version}" if result.version else ""
    title = f"Incident Report {result.number}: {result.title}"
    names = ", ".join(section.section.heading for section in result.sections)
    rows = [row for section in result.sections for row in parse(section.text, links)]
    todo = sum(row.is_todo for row in rows)
    conflicts = sum(row.mark is Mark.CONFLICT for row in rows) // 3
    open_ends = " · ".join(count(number, what) for number, what in ((todo, "TODO"), (conflicts, "conflict")) if number)
    first = f"{state}{version} · {names or 'no sections'}{f' · {open_ends}' if open_ends else ''}"
    faults = [f"• {escape(fault)}" for fault in result.faults]
    held = [bold("Before it can be final:"), *faults] if faults else []
    body = [line for section in result.sections for line in _section(section, links)]
    blocks = [*header(title), *small([first]), *packed(body), *packed(held), *actions(result.buttons)]
    return message([f"{escape(title)}: {first}", *body, *held], blocks)


def _section(section: SectionText, links: dict[str, str]) -> list[str]:
    lines = as_mrkdwn(parse(section.text, links)) or ["Empty."]
    name = bold(f"{section.section.heading}:")
    note = f" ({mrkdwn(section.note)})" if section.note else ""
    if section.section in _SHORT and len(lines) == 1:
        return [f"{name} {lines[0]}{note}"]
    return [f"{name}{note}", *lines]


def action_items(result: ActionItems) -> Payload:
    """Each item with its owner, and with its buttons as far as there is room; those that are done come last."""
    to_do = [item for item in result.items if not item.done]
    done = [item for item in result.items if item.done]
    first = f"{len(to_do)} to do, {len(done)} done" if result.items else escape(result.empty)
    lines = [*map(_action, to_do), *map(_action, done)]
    shown = to_do[:_WITH_BUTTONS]
    blocks = [*header(result.title), *small([first])]
    for item in shown:
        blocks += [*section(_action(item)), *actions(item.buttons)]
    blocks += [*packed(lines[len(shown) :]), *actions(result.buttons)]
    return message([f"{escape(result.title)}: {first}", *lines], blocks)


def _action(item: ActionItem) -> str:
    state = "☑ done" if item.done else "☐ to do"
    where = mrkdwn((Link(item.permalink, "said here"),)) if item.permalink else ""
    who = f"owner {mrkdwn(item.owner)}" if item.owner else bold("no owner yet")
    ended = mrkdwn((" by ", Person(item.by), " ", When(item.at, date=True))) if item.by and item.at else ""
    name = f"{item.incident}/{item.number}" if item.incident else f"{item.number}"
    return f"{name}. {state}{ended} · {escape(item.text)} · {', '.join(filter(None, (who, where)))}"
