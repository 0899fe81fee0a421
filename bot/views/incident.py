"""An incident: its pinned card and its timeline."""

from __future__ import annotations

from slack_sdk.models.blocks import MarkdownBlock

from bot.core.incident_results import IncidentCard, IncidentUpdate, Timeline
from bot.core.mrkdwn import escape, mrkdwn
from bot.core.prose import Channel, Person, When
from bot.core.results import Document, Field
from bot.views.fit import BUDGET, SECTION, cut, length, message, take
from bot.views.parts import actions, header, packed, pairs, small, value
from bot.views.payload import Attachment, Payload
from bot.views.templates import Templates
from bot.views.words import count

_AROUND = 1_000
"""Room for what stands around the document in its message."""


def incident_card(result: IncidentCard) -> Payload:
    """Who leads, how bad it is, since when."""
    first = f"Incident {result.number}: {escape(result.title)} · {escape(result.severity)} · {escape(result.state)}"
    resolved = Field("Resolved", (When(result.resolved_at, date=True),)) if result.resolved_at else None
    channel = Field("Channel", (Channel(result.channel),)) if result.channel else None
    scribe = Field("Scribe", (Person(result.scribe),)) if result.scribe else None
    speaker = Field("Communications", (Person(result.communications),)) if result.communications else None
    fields = [
        Field("Severity", result.severity),
        Field("State", result.state),
        Field("Commander", (Person(result.commander),) if result.commander else "nobody yet"),
        Field("Opened", (When(result.opened_at, date=True),)),
        *(field for field in (scribe, speaker, resolved, channel) if field),
    ]
    notes = [mrkdwn(note) for note in result.notes]
    blocks = [
        *header(f"Incident {result.number}: {result.title}"),
        *pairs(fields),
        *packed(notes),
        *actions(result.buttons),
    ]
    return message([first, *(f"{field.name}: {value(field)}" for field in fields[2:]), *notes], blocks)


def incident_update(result: IncidentUpdate, *, templates: Templates) -> Payload:
    """How it stands, by the template."""
    text = templates.render("status_update.mrkdwn.j2", update=result).strip()
    title = f"Incident {result.number}: {result.title}"
    blocks = [
        *header(title),
        *packed(text.splitlines()),
        *small([mrkdwn(result.note)]),
        *actions(result.buttons),
    ]
    return message([escape(title), *text.splitlines(), mrkdwn(result.note)], blocks)


def timeline(result: Timeline, *, templates: Templates) -> Payload:
    """What happened, in order of time."""
    text = templates.render("timeline.md.j2", timeline=result) if result.entries else "Nothing was recorded yet."
    first = f"{escape(result.title)}: {count(len(result.entries), 'entry', 'entries')}"
    return document(first, result.title, text, name="timeline.md", note=f"Times are in {result.zone}.")


def digest_document(result: Document, *, templates: Templates) -> Payload:
    """What a digest has to say beyond its message."""
    text = templates.render(f"digest_{result.template.value}.md.j2", document=result)
    return document(f"{escape(result.title)}, {escape(result.period)}", result.title, text, name=result.name)


def document(first: str, title: str, text: str, *, name: str, note: str = "") -> Payload:
    """Markdown as it is where it fits, else as far as it fits and the whole as a file."""
    lines = [cut(line, SECTION) for line in text.splitlines()]
    shown = take(lines, room=BUDGET - _AROUND, size=length)
    whole = len(shown) == len(lines) and sum(map(len, lines)) + len(lines) >= len(text)
    left_out = (
        "" if whole else f"… {len(lines) - len(shown)} more lines; the whole of it is in the file {escape(name)}."
    )
    blocks = [*header(title), MarkdownBlock(text="\n".join(shown)), *small([left_out, note])]
    return message([first, note, left_out], blocks, file=None if whole else Attachment(name, text))
